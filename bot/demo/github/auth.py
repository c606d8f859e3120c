"""Who is asking: App JWTs are verified for real, tokens looked up, permissions compared."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.demo.github.call import Caller, Refusal, Route
from bot.demo.github.records import AppRecord, RepositoryRecord, TokenRecord
from bot.demo.github.state import GitHubState

LONGEST_JWT = 600
"""Seconds an App's JWT may live at most."""

_LEVELS = {"none": 0, "read": 1, "triage": 2, "write": 3, "maintain": 4, "admin": 5}


def authenticate(state: GitHubState, headers: Mapping[str, str]) -> Caller:
    """Who the Authorization header proves the caller to be; 401 where it proves nothing."""
    header = headers.get("Authorization", "").strip()
    if not header:
        return Caller()
    scheme, _, credential = header.partition(" ")
    credential = credential.strip()
    if scheme.lower() not in {"bearer", "token"} or not credential:
        raise Refusal(401, "Bad credentials")
    if credential.count(".") == 2 and credential.startswith("ey"):
        return Caller(app=_app_of(state, credential))
    return _by_token(state, credential)


def _app_of(state: GitHubState, credential: str) -> AppRecord:
    try:
        issuer = jwt.decode(credential, options={"verify_signature": False}).get("iss")
    except jwt.InvalidTokenError:
        raise Refusal(401, "A JSON web token could not be decoded") from None
    app = next((app for app in state.apps.values() if issuer in (str(app.id), app.client_id)), None)
    if app is None or not app.private_key_pem:
        raise Refusal(404, "Integration not found")
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    try:
        claims = jwt.decode(credential, _public_key(app.private_key_pem), algorithms=["RS256"], options=options)
    except jwt.InvalidTokenError:
        raise Refusal(401, "A JSON web token could not be decoded") from None
    _check_times(claims, state.now())
    return app


@functools.cache
def _public_key(pem: str) -> Any:
    return load_pem_private_key(pem.encode(), None).public_key()


def _check_times(claims: Mapping[str, object], now: float) -> None:
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int | float) or issued > now:
        raise Refusal(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        )
    if not isinstance(expires, int | float) or expires <= now:
        raise Refusal(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the"
            " assertion expires",
        )
    if expires > now + LONGEST_JWT:
        raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")


def _by_token(state: GitHubState, credential: str) -> Caller:
    token = state.tokens.get(credential)
    if token is None or (token.expires_at is not None and token.expires_at <= state.now()):
        raise Refusal(401, "Bad credentials")
    if token.login is not None:
        return Caller(user=state.user(token.login), token=token)
    installation = state.installations[token.installation_id or 0]
    if installation.suspended_at is not None:
        raise Refusal(403, "This installation has been suspended")
    return Caller(app=state.apps[installation.app_id], installation=installation, token=token)


def admit(caller: Caller, route: Route) -> None:
    """Refuse a kind of caller that the route is not for."""
    if route.access == "public":
        return
    if caller.kind == "nobody":
        raise Refusal(401, "Requires authentication")
    if route.access == "app":
        if caller.kind != "app":
            raise Refusal(401, "A JSON web token could not be decoded")
        return
    if caller.kind == "app" and route.access != "any":
        raise Refusal(401, "Bad credentials")
    if route.access in {"user", "installation"} and caller.kind != route.access:
        wanted = "integration" if caller.kind == "installation" else "personal access token"
        raise Refusal(403, f"Resource not accessible by {wanted}")


def visible(state: GitHubState, caller: Caller, repository: RepositoryRecord) -> bool:
    """Whether the repository exists for the caller; what does not is answered 404."""
    if caller.installation is not None:
        chosen = caller.token.repository_ids if caller.token else None
        inside = chosen is None or repository.id in chosen
        return inside and state.covers(caller.installation, repository)
    return caller.user is not None and state.role(repository, caller.user.login) != "none"


def permit(state: GitHubState, caller: Caller, repository: RepositoryRecord, route: Route) -> None:
    """Refuse what the caller's permissions do not cover, naming the permissions that would do."""
    if not route.permissions:
        return
    if repository.archived and route.method != "GET":
        raise Refusal(403, "Repository was archived so is read-only.")
    if caller.user is not None and caller.token is not None:
        _permit_user(state, caller.token, repository, route)
        return
    granted = caller.token.permissions if caller.token else {}
    if any(_LEVELS[granted.get(name, "none")] >= _LEVELS[level] for name, level in route.permissions):
        return
    accepted = "; ".join(f"{name}={level}" for name, level in route.permissions)
    raise Refusal(403, "Resource not accessible by integration", headers={"X-Accepted-GitHub-Permissions": accepted})


def _permit_user(state: GitHubState, token: TokenRecord, repository: RepositoryRecord, route: Route) -> None:
    if ("checks", "write") in route.permissions:
        classic = token.kind == "classic"
        via = "You must authenticate via a GitHub App."
        raise Refusal(403, via if classic else "Resource not accessible by personal access token")
    writes = any(name in {"actions", "contents"} and level == "write" for name, level in route.permissions)
    if writes and not has_push(state, repository, token.login or ""):
        raise Refusal(403, "Must have admin rights to Repository.")


def has_push(state: GitHubState, repository: RepositoryRecord, login: str) -> bool:
    """Whether the user may push, which labels, assignees and re-runs need."""
    return _LEVELS[state.role(repository, login)] >= _LEVELS["write"]


def has_triage(state: GitHubState, repository: RepositoryRecord, login: str) -> bool:
    """Whether the user may manage issues of others."""
    return _LEVELS[state.role(repository, login)] >= _LEVELS["triage"]
