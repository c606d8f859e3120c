"""Asks GitHub, the database and the server, and has what was found judged. The I/O of the doctor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bot.doctor import app_checks, token_checks
from bot.doctor.check import Check, blocked, ok, warning
from bot.doctor.database_checks import judge_database, judge_queue
from bot.doctor.database_look import look
from bot.doctor.server_look import server_check
from bot.doctor.webhook_checks import judge_webhook
from bot.github.auth import AppKey
from bot.github.inspection import Inspector
from bot.github.reply import Reply
from bot.manifest import manifest
from bot.settings import Settings, serving_mistakes
from bot.token_config import TokenConfigError, watched_repositories

MOST_REPOSITORIES = 50


async def examine(settings: Settings) -> list[Check]:
    """Every check that can be made with these settings, credentials first."""
    found = await look(settings.database_url)
    async with aiohttp.ClientSession() as session:
        inspector = Inspector(session, settings.api_url)
        github = await _github(settings, inspector, found.repository)
        server = await server_check(settings, session)
    checks = [*_settings(settings), *github, *judge_database(found.facts)]
    if found.queue is not None:
        checks += judge_queue(found.queue)
    return [*checks, server]


def _settings(settings: Settings) -> list[Check]:
    mistakes = serving_mistakes(settings)
    if mistakes:
        return [blocked("settings", mistake, "`pipeline serve` refuses to start until then") for mistake in mistakes]
    return [ok("settings", f"usable; {settings.mode} mode" if settings.mode != "none" else "usable")]


async def _github(settings: Settings, inspector: Inspector, repository: str | None) -> list[Check]:
    pem = settings.private_key_pem() if settings.mode == "app" else None
    if settings.app_id is not None and pem is not None:
        checks = await _AppExamination(settings, inspector, AppKey(settings.app_id, pem)).checks()
    elif settings.token is not None:
        checks, repository = await _token_mode(settings, inspector, settings.token.get_secret_value())
    else:
        return [
            blocked(
                "credentials",
                "none: neither GITHUB_APP_ID with GITHUB_PRIVATE_KEY_PATH nor GITHUB_TOKEN is set",
                "start `pipeline serve` and open the link that it prints: it creates the App (docs/install.md); "
                "or set a token",
            )
        ]
    return [*checks, await _agent(settings, inspector, repository)]


@dataclass
class _AppExamination:
    """App mode: everything that is asked in the App's own name."""

    settings: Settings
    inspector: Inspector
    key: AppKey
    _checks: list[Check] = field(default_factory=list)

    async def checks(self) -> list[Check]:
        """The App first; what depends on it only where GitHub knows it."""
        api_url = self.settings.api_url
        reply = await self._get("/app")
        if reply.status == 401 and self.key.learn(reply.headers.get("date")) is not None:
            reply = await self._get("/app")
        self._checks.append(app_checks.judge_app(reply, self.key.app_id, api_url))
        if reply.status:
            self._checks.append(app_checks.judge_clock(reply))
        if reply.status == 200:
            await self._in_detail(reply.object)
        return self._checks

    async def _in_detail(self, app: dict[str, Any]) -> None:
        wanted, page = manifest(), _settings_page(self.settings, app)
        granted, subscribed = app.get("permissions") or {}, app.get("events") or []
        self._checks.append(app_checks.judge_permissions(granted, wanted.permissions, f"{page}/permissions"))
        self._checks.append(app_checks.judge_events(subscribed, wanted.events, f"{page}/permissions"))
        installations = await self.inspector.pages("/app/installations", self.key.token())
        if installations.status == 200:
            url = str(app.get("html_url"))
            self._checks += app_checks.judge_installations(installations.objects, wanted.permissions, url)
        else:
            self._checks.append(_unread("installations", installations))
        await self._hook(page)
        await self._limit(installations.objects)

    async def _hook(self, page: str) -> None:
        config = await self._get("/app/hook/config")
        check = judge_webhook(
            config,
            has_secret=bool(self.settings.secrets),
            proxy_url=self.settings.webhook_proxy_url,
            settings_url=page,
        )
        self._checks.append(check)
        deliveries = await self._get("/app/hook/deliveries?per_page=100")
        if deliveries.status == 200:
            self._checks.append(app_checks.judge_deliveries(deliveries.objects))
        elif config.status == 200:
            self._checks.append(_unread("deliveries", deliveries))

    async def _limit(self, installations: list[dict[str, Any]]) -> None:
        """Limits belong to installations: the first that is not suspended stands for all."""
        active = next((one for one in installations if not one.get("suspended_at")), None)
        if active is None:
            return
        path = f"/app/installations/{active.get('id')}/access_tokens"
        minted = await self.inspector.post(path, self.key.token(), {"permissions": {"metadata": "read"}})
        if minted.status == 201:
            token = str(minted.object.get("token"))
            self._checks.append(app_checks.judge_rate_limit(await self.inspector.get("/rate_limit", token)))
        else:
            self._checks.append(_unread("installation token", minted))

    async def _get(self, path: str) -> Reply:
        return await self.inspector.get(path, self.key.token())


def _settings_page(settings: Settings, app: dict[str, Any]) -> str:
    """Where the App's owner changes it: a person's settings, or their organisation's."""
    owner = app.get("owner") or {}
    middle = f"organizations/{owner.get('login')}/settings" if owner.get("type") == "Organization" else "settings"
    return f"{settings.web_url}/{middle}/apps/{app.get('slug')}"


def _unread(name: str, reply: Reply) -> Check:
    return warning(name, f"cannot be read: {reply.reason}", "try again later")


async def _token_mode(settings: Settings, inspector: Inspector, token: str) -> tuple[list[Check], str | None]:
    """The checks, and a repository that can be read."""
    user = await inspector.get("/user", token)
    checks = token_checks.judge_token(user, settings.api_url)
    if user.status:
        checks.append(app_checks.judge_clock(user))
    try:
        names = sorted(watched_repositories(settings.pipeline_config))
    except TokenConfigError as error:
        return [*checks, blocked("repositories", str(error), "then run `pipeline doctor` again")], None
    if user.status != 200:
        return checks, None
    replies = {name: await inspector.get(f"/repos/{name}", token) for name in names[:MOST_REPOSITORIES]}
    checks += token_checks.judge_repositories(replies)
    checks.append(app_checks.judge_rate_limit(await inspector.get("/rate_limit", token)))
    return checks, next((name for name, reply in replies.items() if reply.status == 200), None)


async def _agent(settings: Settings, inspector: Inspector, repository: str | None) -> Check:
    if settings.copilot_token is None:
        return token_checks.judge_agent(None, None)
    token = settings.copilot_token.get_secret_value()
    user = await inspector.get("/user", token)
    suggested = None
    if user.status == 200 and repository:
        owner, _, name = repository.partition("/")
        suggested = await inspector.graphql(token_checks.SUGGESTED, {"owner": owner, "name": name}, token)
    return token_checks.judge_agent(user, suggested)
