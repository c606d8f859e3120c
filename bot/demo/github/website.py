"""The pages of the stand-in's website that the manifest flow leads through; the rest of github.com has no part here.

Flow and refusals: docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest.
"""

from __future__ import annotations

import json
import re
import secrets
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from bot.demo.github.state import GitHubState

LONGEST_NAME = 34
ALWAYS_SENT = {"installation", "installation_repositories"}
NEEDED = {
    "workflow_run": "actions",
    "workflow_job": "actions",
    "check_run": "checks",
    "check_suite": "checks",
    "issues": "issues",
    "issue_comment": "issues",
}
"""Event → the permission without which GitHub refuses it."""


class Website:
    """Answers as the browser of somebody who is signed in as `login` would see it."""

    def __init__(self, state: GitHubState, login: str = "octo") -> None:
        self._state = state
        self._login = login

    def add_to(self, app: web.Application) -> None:
        """The pages' routes."""
        app.router.add_post("/settings/apps/new", self._new)
        app.router.add_post("/organizations/{organisation}/settings/apps/new", self._new)
        app.router.add_get("/apps/{slug}/installations/new", self._install)

    async def _new(self, request: web.Request) -> web.Response:
        """The manifest arrives; sent again with the button's `name`, the App is made and the browser sent back."""
        fields = await request.post()
        owner, state = request.match_info.get("organisation", self._login), request.query.get("state", "")
        try:
            manifest = json.loads(str(fields.get("manifest", "")))
            mistake = self._mistake(manifest, str(fields.get("name", manifest["name"])))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return _page("Invalid GitHub App configuration", f"<p>{escape(repr(error))}</p>", 422)
        if mistake and not mistake.startswith("Name"):
            return _page("Invalid GitHub App configuration", f"<p>{escape(mistake)}</p>", 422)
        if "name" not in fields or mistake:
            return self._asked(manifest, owner, mistake, request.path_qs)
        code = self._create(manifest, str(fields["name"]), owner)
        back = manifest["redirect_url"]
        query = urlencode({"code": code, **({"state": state} if state else {})})
        raise web.HTTPFound(f"{back}{'&' if '?' in back else '?'}{query}")

    async def _install(self, request: web.Request) -> web.Response:
        if all(app.slug != request.match_info["slug"] for app in self._state.apps.values()):
            return _page("Page not found", "", 404)
        return _page(f"Install {request.match_info['slug']}", "<p>Choose an account and its repositories.</p>")

    def _mistake(self, manifest: dict[str, Any], name: str) -> str:
        hook, events = manifest.get("hook_attributes", {}), manifest.get("default_events", [])
        lacking = [each for each in events if NEEDED.get(each, each) not in manifest.get("default_permissions", {})]
        if not manifest.get("url") or not hook.get("url") or not manifest.get("redirect_url"):
            return "url, hook_attributes.url and redirect_url are needed"
        if urlsplit(hook["url"]).hostname in {"localhost", "127.0.0.1", "::1"}:
            return "Hook url is not supported because it isn't reachable over the public Internet"
        if ALWAYS_SENT & set(events):
            return "Default events unsupported: installation and installation_repositories"
        if lacking:
            return f"Default events are not supported by permissions: {', '.join(lacking)}"
        if len(name) > LONGEST_NAME:
            return f"Name cannot be longer than {LONGEST_NAME} characters"
        taken = _slug(name) in {app.slug for app in self._state.apps.values()}
        return "Name is already taken" if taken else ""

    def _asked(self, manifest: dict[str, Any], owner: str, mistake: str, here: str) -> web.Response:
        return _page(
            "Create GitHub App",
            f'<p role="alert">{escape(mistake)}</p><form method="post" action="{escape(here)}">'
            f'<input type="hidden" name="manifest" value="{escape(json.dumps(manifest))}">'
            f'<label>GitHub App name <input name="name" value="{escape(manifest["name"])}"></label>'
            f"<button>Create GitHub App for {escape(owner)}</button></form>",
        )

    def _create(self, manifest: dict[str, Any], name: str, owner: str) -> str:
        app = self._state.create_app(
            _slug(name),
            webhook_secret=secrets.token_hex(20),
            webhook_url=manifest["hook_attributes"]["url"],
            permissions=manifest["default_permissions"],
            events=manifest["default_events"],
            owner=owner,
        )
        code = secrets.token_hex(20)
        self._state.manifest_codes[code] = app
        return code


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _page(title: str, body: str, status: int = 200) -> web.Response:
    text = f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title><h1>{escape(title)}</h1>{body}"
    return web.Response(text=text, status=status, content_type="text/html")
