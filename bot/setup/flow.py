"""The set-up from the one-time link to App mode: who may do it, the code's exchange, the credentials' keeping."""

from __future__ import annotations

import asyncio
import hmac
import os
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.github.reply import Reply
from bot.settings import Settings, SettingsError
from bot.setup import env_file

log = structlog.get_logger(__name__)

CODE = re.compile(r"[A-Za-z0-9_-]{1,200}")


class Wrong(Exception):
    """A turn the set-up cannot take; `kind` says which page tells it, the text is its detail."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(detail)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Created:
    """The App that GitHub made. `page` is its public page on GitHub, without a trailing slash."""

    name: str
    page: str


@dataclass(frozen=True, slots=True)
class _Answer:
    created: Created
    credentials: Mapping[str, str]


class Setup:
    """One server's set-up.

    `done` is set once the credentials are kept and `settings` are those of App mode; the server sets `left` once
    whoever connects anew reaches its successor.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        convert: Callable[[str], Awaitable[Reply]],
        reload: Callable[[], Settings],
        env_path: Path,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """`convert` buys a manifest's code; `reload` reads the settings again once `env_path` is written."""
        self.token = secrets.token_urlsafe(32)
        self.settings = settings
        self.done = asyncio.Event()
        self.left = asyncio.Event()
        self._convert = convert
        self._reload = reload
        self._path = env_path.absolute()
        self._environment = environment
        self._used: set[str] = set()
        self._unkept: dict[str, _Answer] = {}
        self._turn = asyncio.Lock()

    def admits(self, token: str) -> bool:
        """Whether somebody holds the one-time link, and it is not used up."""
        right = hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode())
        return right and not self.done.is_set()

    def new_state(self) -> str:
        """What GitHub has to bring back; only this set-up can make one."""
        nonce = secrets.token_urlsafe(16)
        return f"{nonce}.{self._mark(nonce)}"

    def examine(self) -> None:
        """Whether the credentials could be kept. Raises Wrong."""
        if self.settings.dyno and not self.settings.allow_ephemeral:
            raise Wrong("throw-away")
        try:
            env_file.check(self._path, self._environment)
        except env_file.Present as error:
            raise Wrong("present", str(error)) from error
        except env_file.CannotKeep as error:
            raise Wrong("cannot keep", str(error)) from error

    async def finish(self, code: str, state: str) -> Created:
        """Buy the App's credentials, keep them, and let the server go over to App mode. Raises Wrong.

        A state is good for one App. Where the credentials came but could not be kept, the same call tries that again.
        """
        if not self._is_ours(state):
            raise Wrong("state")
        async with self._turn:
            if state in self._used or self.done.is_set():
                raise Wrong("used")
            if not CODE.fullmatch(code):
                raise Wrong("code")
            answer = self._unkept.get(state)
            if answer is None:
                self.examine()
                answer = self._unkept[state] = self._read(await self._convert(code), state)
            self._keep(answer)
            self._used.add(state)
            self._unkept.clear()
            self._go_over()
            self.done.set()
            log.info("the GitHub App is created, its credentials are kept", app=answer.created.name)
            return answer.created

    def _mark(self, nonce: str) -> str:
        return hmac.digest(self.token.encode(), nonce.encode("utf-8", "replace"), "sha256").hex()

    def _is_ours(self, state: str) -> bool:
        nonce, _, mark = state.partition(".")
        return hmac.compare_digest(mark.encode("utf-8", "replace"), self._mark(nonce).encode())

    def _read(self, reply: Reply, state: str) -> _Answer:
        if reply.status in {404, 422}:
            self._used.add(state)
            raise Wrong("code")
        if reply.status != 201:
            raise Wrong("unreachable" if reply.status == 0 or reply.status >= 500 else "refused", reply.reason)
        found = {name: reply.object.get(name) for name in ("id", "pem", "webhook_secret", "html_url")}
        missing = [name for name, value in found.items() if not value or not isinstance(value, int | str)]
        page = str(found["html_url"])
        if missing or not page.startswith(("https://", "http://")) or not _is_key(str(found["pem"])):
            self._used.add(state)
            raise Wrong("incomplete", ", ".join(missing) or "a usable key and address")
        values = (str(found["id"]), str(found["pem"]).replace("\r\n", "\n"), str(found["webhook_secret"]))
        name = str(reply.object.get("name") or "the App")
        return _Answer(Created(name, page.rstrip("/")), dict(zip(env_file.NAMES, values, strict=True)))

    def _keep(self, answer: _Answer) -> None:
        try:
            env_file.write(self._path, answer.credentials, self._environment)
        except env_file.Present as error:
            raise Wrong("present late", str(error)) from error
        except env_file.CannotKeep as error:
            raise Wrong("cannot keep late", str(error)) from error

    def _go_over(self) -> None:
        try:
            self.settings = self._reload()
        except SettingsError as error:
            raise Wrong("settings", str(error)) from error


def _is_key(pem: str) -> bool:
    try:
        load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        return False
    return True
