"""Users, Apps, installations and tokens: who may ask, and how long."""

from __future__ import annotations

import base64
import functools
import itertools
import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.demo.github.records import AppRecord, DeliveryRecord, InstallationRecord, TokenRecord, User

ACTIONS_APP_ID = 15368
"""The id that github.com gives its own Actions App."""

DEFAULT_PERMISSIONS: Mapping[str, str] = {
    "actions": "write",
    "checks": "write",
    "contents": "read",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "read",
}
DEFAULT_EVENTS = ("workflow_run", "workflow_job", "check_suite", "check_run", "issue_comment", "issues")
TOKEN_LIFE = 3600


@functools.cache
def private_key(slug: str) -> str:
    """A fresh RSA key in PEM form, one per App name and process: making one takes a tenth of a second."""
    del slug
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def stateless_token(app_id: int, claims: Mapping[str, object]) -> str:
    """A token in GitHub's format of 2026 (`ghs_<app>_<JWT>`, about 520 characters, with dots)."""
    head = base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"JWT"}').rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(json.dumps(dict(claims)).encode()).rstrip(b"=").decode()
    signature = secrets.token_urlsafe(max(32, (510 - len(head) - len(body)) * 3 // 4))
    return f"ghs_{app_id}_{head}.{body}.{signature}"


class Identities:
    """The part of the state that says who exists and who may do what."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.api_url = "https://api.github.com"
        self.web_url = "https://github.com"
        self.users: dict[str, User] = {}
        self.apps: dict[int, AppRecord] = {}
        self.installations: dict[int, InstallationRecord] = {}
        self.tokens: dict[str, TokenRecord] = {}
        self.deliveries: list[DeliveryRecord] = []
        self.manifest_codes: dict[str, AppRecord] = {}
        self.agent_seats: set[str] = set()
        """Logins whose token may assign the coding agent."""
        self._ids: Iterator[int] = itertools.count(900_001)
        self._actions_app()

    def next_id(self) -> int:
        """An id nobody has yet; all kinds share one sequence, so that a mix-up is noticed."""
        return next(self._ids)

    def now(self) -> float:
        """The state's time in epoch seconds."""
        return self.clock()

    def user(self, login: str, type_: str | None = None) -> User:
        """The user of that login, created when new; `…[bot]` becomes a Bot unless `type_` says otherwise."""
        found = self.users.get(login.lower())
        if found is None:
            kind = type_ or ("Bot" if login.endswith("[bot]") else "User")
            found = self.users[login.lower()] = User(self.next_id(), login, kind)
        elif type_ is not None:
            found.type = type_
        return found

    def create_app(
        self,
        slug: str = "pipeline-monitor",
        *,
        webhook_secret: str | None = None,
        webhook_url: str = "",
        permissions: Mapping[str, str] = DEFAULT_PERMISSIONS,
        events: Iterable[str] = DEFAULT_EVENTS,
        owner: str = "octo",
    ) -> AppRecord:
        """Register an App with a real RSA key; its bot user is `slug[bot]`."""
        app = AppRecord(
            id=self.next_id(),
            slug=slug,
            client_id=f"Iv23li{secrets.token_hex(7)}",
            private_key_pem=private_key(slug),
            owner=self.user(owner),
            bot=self.user(f"{slug}[bot]"),
            webhook_secret=webhook_secret,
            permissions=dict(permissions),
            events=tuple(events),
            created_at=self.now(),
            webhook_url=webhook_url,
        )
        self.apps[app.id] = app
        return app

    def offer_manifest(self, code: str, **app: str | None) -> AppRecord:
        """An App whose credentials the code of the manifest flow buys, once."""
        created = self.create_app(app.get("slug") or "pipeline-monitor", webhook_secret=app.get("webhook_secret"))
        self.manifest_codes[code] = created
        return created

    def expire_tokens(self) -> None:
        """Let every installation token be an hour old."""
        for token in self.tokens.values():
            if token.installation_id is not None:
                token.expires_at = self.now() - 1

    def add_user_token(self, token: str, login: str, kind: str = "classic") -> TokenRecord:
        """A personal access token; what it may do follows from its user's role in each repository."""
        self.user(login)
        record = self.tokens[token] = TokenRecord(token, {}, login=login, kind=kind)
        return record

    def mint_token(
        self,
        installation: InstallationRecord,
        permissions: Mapping[str, str] | None = None,
        repository_ids: set[int] | None = None,
    ) -> TokenRecord:
        """A new installation token, good for one hour."""
        expires = self.now() + TOKEN_LIFE
        claims = {"iss": "github", "sub": installation.id, "exp": int(expires), "jti": secrets.token_hex(8)}
        record = TokenRecord(
            token=stateless_token(installation.app_id, claims),
            permissions=dict(installation.permissions if permissions is None else permissions),
            installation_id=installation.id,
            expires_at=expires,
            repository_ids=repository_ids,
        )
        self.tokens[record.token] = record
        return record

    def suspend(self, installation_id: int, *, suspended: bool = True) -> None:
        """Suspend an installation, or lift that."""
        self.installations[installation_id].suspended_at = self.now() if suspended else None

    def uninstall(self, installation_id: int) -> None:
        """Remove an installation with its tokens."""
        self.installations.pop(installation_id)
        gone = [key for key, token in self.tokens.items() if token.installation_id == installation_id]
        for key in gone:
            del self.tokens[key]

    def actions_app(self) -> AppRecord:
        """GitHub's own App, which owns the check runs of workflows."""
        return self.apps[ACTIONS_APP_ID]

    def _actions_app(self) -> None:
        self.apps[ACTIONS_APP_ID] = AppRecord(
            id=ACTIONS_APP_ID,
            slug="github-actions",
            client_id="Iv1.05c79e9ad1f6bdfa",
            private_key_pem="",
            owner=self.user("github", "Organization"),
            bot=self.user("github-actions[bot]"),
            webhook_secret=None,
            permissions={"actions": "write", "checks": "write"},
            events=(),
            created_at=self.now(),
        )


def iso(moment: float | None) -> str | None:
    """Epoch seconds as GitHub writes them: UTC, whole seconds, `Z`."""
    if moment is None:
        return None
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
