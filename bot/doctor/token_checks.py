"""What GitHub says of a user's token, and of the coding agent → checks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from bot.doctor.app_checks import unreachable
from bot.doctor.check import Check, blocked, ok, warning
from bot.github.reply import Reply

AGENT = "copilot-swe-agent"
SUGGESTED = (
    "query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {"
    " suggestedActors(capabilities: [CAN_BE_ASSIGNED], first: 100) { nodes { login } } } }"
)
"""Lists the agent where the token's user may assign it (docs.github.com, "Using the API to assign the agent")."""
ENDS_SOON_DAYS = 14


def judge_token(reply: Reply, api_url: str) -> list[Check]:
    """The answer to `GET /user` with GITHUB_TOKEN."""
    if reply.status == 0:
        return [unreachable(reply, api_url)]
    if reply.status != 200:
        return [
            blocked(
                "credentials",
                f"GitHub refuses GITHUB_TOKEN: {reply.reason}",
                "make a token that may read actions and contents and write issues; a GitHub App is the better way",
            )
        ]
    login, scopes = reply.object.get("login"), reply.headers.get("x-oauth-scopes")
    kind = "a fine-grained token" if scopes is None else f"a classic token with the scopes {scopes or 'none'}"
    checks = [ok("credentials", f"GitHub knows us as {login}, by {kind}"), *_expiry(reply)]
    if scopes is not None and not {"repo", "public_repo"} & {scope.strip() for scope in scopes.split(",")}:
        told = "the token has neither the scope repo nor public_repo"
        checks.append(blocked("credentials", told, "make one with the scope repo (public_repo for public ones)"))
    fact = "none: GitHub gives them to Apps alone, so everything goes by issue and comment"
    return [*checks, ok("check runs", fact)]


def _expiry(reply: Reply) -> list[Check]:
    """GitHub names the end of a token as `2026-12-31 23:59:59 UTC`."""
    text = reply.headers.get("github-authentication-token-expiration", "")
    try:
        end = datetime.strptime(text.removesuffix(" UTC"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return []
    days = (end.timestamp() - reply.at) / 86_400
    if days > ENDS_SOON_DAYS:
        return []
    return [warning("credentials", f"the token ends in {max(0, days):.0f} days", "make a new one before that")]


def judge_repositories(replies: Mapping[str, Reply]) -> list[Check]:
    """The answers to `GET /repos/…` of each configured repository."""
    name = "repositories"
    if not replies:
        return [blocked(name, "none is configured", "list them in the file PIPELINE_CONFIG names")]
    checks = [check for full_name, reply in replies.items() if (check := _repository(full_name, reply))]
    reached = sum(reply.status == 200 for reply in replies.values())
    if reached == 0:
        return [*checks, blocked(name, "none can be read", "give the token access to them")]
    return [ok(name, f"{reached} of {len(replies)} can be read"), *checks]


def _repository(full_name: str, reply: Reply) -> Check | None:
    name = "repositories"
    if reply.status in {301, 307, 308}:
        return warning(name, f"{full_name} has another name now", "write its new name into the configuration")
    if reply.status != 200:
        return warning(name, f"{full_name}: {reply.reason}", "correct the name, or give the token access")
    if reply.object.get("archived"):
        return warning(name, f"{full_name} is archived: nothing can be written", "take it out of the configuration")
    if reply.object.get("has_issues") is False:
        return warning(name, f"{full_name} has issues switched off", "switch them on in the repository's settings")
    return None


def judge_agent(user: Reply | None, suggested: Reply | None) -> Check:
    """COPILOT_TOKEN: None where it is not set; `suggested` None where no repository is known to ask about."""
    name = "coding agent"
    if user is None:
        return ok(name, "COPILOT_TOKEN is not set: notices mention it, nobody is assigned")
    if user.status == 0:
        return warning(name, "GitHub cannot be asked about COPILOT_TOKEN", "mend the connection first")
    if user.status != 200:
        return warning(
            name, f"GitHub refuses COPILOT_TOKEN: {user.reason}", "set a user's token; an App's does not work here"
        )
    login = user.object.get("login")
    if suggested is None:
        return ok(name, f"COPILOT_TOKEN is {login}'s; whether it may assign can be asked once a repository is known")
    repository = (suggested.object.get("data") or {}).get("repository") or {}
    nodes = (repository.get("suggestedActors") or {}).get("nodes")
    if suggested.status != 200 or not isinstance(nodes, list):
        return warning(name, f"whether {login} may assign it is not told: {suggested.reason}", "try again later")
    if any((node or {}).get("login") == AGENT for node in nodes):
        return ok(name, f"{login} may assign it")
    return warning(
        name,
        f"{login} may not assign it",
        "the user needs a Copilot seat, write access, and the agent enabled for the repository",
    )
