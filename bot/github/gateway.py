"""Every client of the process: one per installation, over one HTTP session."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import aiohttp
import structlog
from cachetools import Cache, LRUCache

from bot.errors import Forbidden, GitHubRefused, GiveUp, NotFound
from bot.github.agent import CodingAgent
from bot.github.auth import AppKey, InstallationToken, InstallationTokens
from bot.github.client import GitHub
from bot.github.hook import AppHook
from bot.github.limits import Limits
from bot.github.log_hosts import LogHosts
from bot.github.shapes import InstallationShape, OwnAppShape, TokenShape, read
from bot.github.transport import Forget, OnCall, Transport

log = structlog.get_logger(__name__)

CACHED_ANSWERS = 256
MOST_CLIENTS = 2000


class Gateway:
    """Hands out the client of an installation. App mode has a token each; token mode has one for all."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        api_url: str,
        writes_per_minute: int,
        app_key: AppKey | None = None,
        user_token: str | None = None,
        copilot_token: str | None = None,
        log_hosts: tuple[str, ...] = (),
        on_call: OnCall | None = None,
    ) -> None:
        self._session = session
        self._api_url = api_url
        self._log_hosts = LogHosts(api_url, log_hosts)
        self._writes_per_minute = writes_per_minute
        self._app_key = app_key
        self._user_token = user_token
        self._on_call = on_call
        self._tokens = InstallationTokens(self._mint, wall=app_key.now if app_key else time.time)
        self._clients: LRUCache[int, GitHub] = LRUCache(MOST_CLIENTS)
        self._app: Transport | None = None
        self._copilot_token = copilot_token
        self._agent: CodingAgent | None = None
        self._slug: str | None = None

    @property
    def app_id(self) -> int | None:
        """Id of our App, or None in token mode."""
        return self._app_key.app_id if self._app_key else None

    @property
    def agent(self) -> CodingAgent | None:
        """The coding agent, asked in the name of a user; None without a token for that."""
        text = self._copilot_token
        if self._agent is None and text is not None:

            async def token() -> str:
                return text

            self._agent = CodingAgent(self._transport(token))
        return self._agent

    def allowed(self, now: float) -> dict[int, int]:
        """Requests left to each installation that has asked lately, as GitHub said last (0 in token mode)."""
        left: dict[int, int] = {}
        for installation in self._clients:
            # Past the LRU's own reading, which would make every client look as if it had just been used.
            known = Cache.__getitem__(self._clients, installation).left
            if known is not None:
                remaining, limit, ends = known
                left[installation] = remaining if now < ends else limit
        return left

    async def client(self, installation_id: int) -> GitHub:
        """The client of one installation (0 in token mode). Raises GiveUp without credentials."""
        known = self._clients.get(installation_id)
        if known is None:
            known = self._clients[installation_id] = await self._make(installation_id)
        return known

    async def _make(self, installation_id: int) -> GitHub:
        if self._app_key is None:
            return GitHub(self._transport(self._fixed_token), app_id=None, login=None, log_hosts=self._log_hosts)
        if installation_id == 0:
            raise GiveUp("the delivery names no installation; only an App's own webhook does")

        async def token() -> str:
            return await self._tokens.token(installation_id)

        def forget(text: str, _headers: Mapping[str, str]) -> None:
            self._tokens.forget(installation_id, text)

        login = f"{await self.slug()}[bot]"
        transport = self._transport(token, forget)
        return GitHub(transport, app_id=self._app_key.app_id, login=login, log_hosts=self._log_hosts)

    @property
    def hook(self) -> AppHook | None:
        """The App's webhook as GitHub sees it; None in token mode."""
        return AppHook(self._as_app()) if self._app_key else None

    async def installation_of(self, full_name: str) -> int:
        """Which installation of the App reaches a repository; 0 in token mode. NotFound where none does."""
        if self._app_key is None:
            return 0
        owner, _, repo = full_name.partition("/")
        answer = await self._as_app().get("/repos/{owner}/{repo}/installation", owner=owner, repo=repo)
        return read(answer, InstallationShape).id

    async def slug(self) -> str:
        """The App's own name in addresses and logins; asked for once."""
        if self._slug is None:
            app = read(await self._as_app().get("/app"), OwnAppShape)
            self._slug = app.slug
        return self._slug

    async def _fixed_token(self) -> str:
        if self._user_token is None:
            raise GiveUp("no credentials: set GITHUB_APP_ID with its key, or GITHUB_TOKEN")
        return self._user_token

    async def _mint(self, installation_id: int) -> InstallationToken:
        route = "/app/installations/{id}/access_tokens"
        try:
            answer = await self._as_app().mint(route, id=str(installation_id))
        except (Forbidden, NotFound) as error:
            # 403: suspended; 404: uninstalled. An `unsuspend` or a new installation brings new deliveries.
            raise GiveUp(f"installation {installation_id} is suspended or removed ({error})") from error
        except GitHubRefused as error:
            raise GiveUp(f"no token for installation {installation_id}: {error}") from error
        token = read(answer, TokenShape)
        return InstallationToken(token.token, token.expires_at.timestamp())

    def _as_app(self) -> Transport:
        """Calls as the App itself; one object, so that a limit GitHub names is kept by every installation's token."""
        if self._app is None:
            key = self._app_key
            if key is None:
                raise GiveUp("no App credentials: set GITHUB_APP_ID and its key")

            async def token() -> str:
                return key.token()

            self._app = Transport(
                self._session,
                base_url=self._api_url,
                limits=Limits(self._writes_per_minute),
                token=token,
                forget=partial(_learn_time, key),
                as_app=True,
                on_call=self._on_call,
            )
        return self._app

    def _transport(
        self, token: Callable[[], Awaitable[str]], forget: Forget = lambda _text, _headers: None
    ) -> Transport:
        return Transport(
            self._session,
            base_url=self._api_url,
            limits=Limits(self._writes_per_minute),
            token=token,
            forget=forget,
            cache=LRUCache(CACHED_ANSWERS),
            on_call=self._on_call,
        )


def _learn_time(key: AppKey, _token: str, headers: Mapping[str, str]) -> None:
    """A refused JWT may be one of a clock that runs wrong: the next one is signed by GitHub's time."""
    found = key.learn(headers.get("date"))
    if found is not None:
        log.warning(
            "this machine's clock differs from GitHub's; credentials are signed by GitHub's time from now on",
            seconds_behind=round(found),
            remedy="let the system keep its time by NTP (timedatectl set-ntp true)",
        )
