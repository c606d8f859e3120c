"""What GitHub says of the App → checks. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bot.doctor.check import Check, blocked, ok, warning
from bot.github.clock import MOST_SKEW
from bot.github.reply import Reply

LEVELS = {"none": 0, "read": 1, "write": 2, "admin": 3}
WITHOUT = {
    "actions": "no jobs and logs can be read, or no job re-run",
    "checks": "no check run on the commit",
    "contents": ".github/pipeline.yml is not read",
    "issues": "no issues, comments and answers",
    "metadata": "commands that change something are refused",
    "pull_requests": "a failure is not told on its pull request",
}
_LIST = 5


def judge_app(reply: Reply, app_id: int, api_url: str) -> Check:
    """The answer to `GET /app` with our JWT."""
    name = "credentials"
    if reply.status == 200:
        owner = (reply.object.get("owner") or {}).get("login", "?")
        return ok(name, f"GitHub knows us as the App {reply.object.get('slug')} (id {app_id}) of {owner}")
    if reply.status == 0:
        return unreachable(reply, api_url)
    if reply.status == 404:
        return blocked(
            name,
            f"there is no App with the id {app_id} at {api_url}",
            "set GITHUB_APP_ID to the App ID on the App's settings page, and GITHUB_API_URL to the right server",
        )
    return blocked(
        name,
        f"GitHub refuses the App {app_id}: {reply.reason}",
        "make a new private key on the App's settings page and set it as GITHUB_PRIVATE_KEY_PATH"
        if reply.status == 401
        else "look at githubstatus.com, and try again",
    )


def unreachable(reply: Reply, api_url: str) -> Check:
    """Nobody answered."""
    return blocked(
        "github",
        f"{api_url} cannot be reached: {reply.error}",
        "let this machine connect there (DNS, firewall, HTTPS), or set GITHUB_API_URL to your server's address",
    )


def judge_clock(reply: Reply) -> Check:
    """Our clock against the Date header."""
    ahead = reply.clock_ahead
    if ahead is None:
        return ok("clock", "GitHub named no time to compare with")
    if abs(ahead) <= MOST_SKEW:
        return ok("clock", "agrees with GitHub's")
    way = "ahead of" if ahead > 0 else "behind"
    return warning(
        "clock",
        f"{abs(ahead):.0f} seconds {way} GitHub's; where it refuses the App's credentials for that, they are signed by "
        "GitHub's time, but the times that are stored and shown stay wrong",
        "let the system keep its time by NTP (timedatectl set-ntp true)",
    )


def judge_permissions(granted: Mapping[str, str], wanted: Mapping[str, str], settings_url: str) -> Check:
    """The App's permissions against `app.yml`."""
    name = "permissions"
    missing = lacking(granted, wanted)
    if not missing:
        more = sorted(key for key in granted if key not in wanted)
        if more:
            return warning(
                name,
                f"more than is needed: {', '.join(more)}",
                f"take them away under Permissions & events at {settings_url}",
            )
        return ok(name, "those of app.yml")
    told = "; ".join(f"{key}: {wanted[key]} ({WITHOUT.get(key, 'something will be refused')})" for key in missing)
    nothing_reported = "checks" in missing and "issues" in missing
    judge = blocked if nothing_reported or granted.get("actions", "none") == "none" else warning
    return judge(name, f"missing: {told}", f"grant them under Permissions & events at {settings_url}")


def lacking(granted: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """The permissions that are not granted, or at a lower level."""
    return [key for key, level in wanted.items() if LEVELS.get(granted.get(key, "none"), 0) < LEVELS[level]]


def judge_events(subscribed: Sequence[str], wanted: Sequence[str], settings_url: str) -> Check:
    """The App's events against `app.yml`; without runs there is nothing to do."""
    missing = [event for event in wanted if event not in subscribed]
    if not missing:
        return ok("events", "those of app.yml")
    judge = blocked if "workflow_run" in missing else warning
    remedy = f"subscribe under Permissions & events at {settings_url}"
    return judge("events", f"not subscribed: {', '.join(missing)}", remedy)


def judge_installations(found: Sequence[Mapping[str, Any]], wanted: Mapping[str, str], app_url: str) -> list[Check]:
    """Where the App is installed, which are suspended, which have not accepted the permissions yet."""
    name = "installations"
    if not found:
        return [blocked(name, "the App is installed nowhere", f"install it at {app_url}/installations/new")]
    checks = [ok(name, f"{len(found)}: {_accounts(found)}")]
    suspended = [one for one in found if one.get("suspended_at")]
    if suspended:
        told = f"suspended: {_accounts(suspended)}"
        judge = blocked if len(suspended) == len(found) else warning
        checks.append(judge(name, told, "the account's owner lifts it under Settings → Applications"))
    behind = [one for one in found if not one.get("suspended_at") and lacking(one.get("permissions") or {}, wanted)]
    if behind:
        needed = sorted({key for one in behind for key in lacking(one.get("permissions") or {}, wanted)})
        where = ", ".join(str(one.get("html_url", "?")) for one in behind[:_LIST])
        told = f"{_accounts(behind)}: {', '.join(needed)} not accepted yet"
        checks.append(warning(name, told, f"the account's owner accepts the new permissions at {where}"))
    return checks


def _accounts(found: Sequence[Mapping[str, Any]]) -> str:
    names = [str((one.get("account") or {}).get("login", one.get("id"))) for one in found]
    return ", ".join(names[:_LIST]) + (f" and {len(names) - _LIST} more" if len(names) > _LIST else "")


def judge_deliveries(found: Sequence[Mapping[str, Any]]) -> Check:
    """How the App's last deliveries, newest first, were answered; code 0 is no answer at all."""
    name = "deliveries"
    if not found:
        return ok(name, "GitHub has sent none in the last three days")
    codes = [int(one.get("status_code") or 0) for one in found]
    good = [200 <= code < 400 for code in codes]
    told = f"{sum(good)} of the last {len(codes)} were taken"
    if all(good):
        return ok(name, told)
    wrong = Counter(code for code, fine in zip(codes, good, strict=True) if not fine)
    listed = ", ".join(f"{count} × {code or 'no answer'}" for code, count in wrong.most_common())
    newest = next(code for code, fine in zip(codes, good, strict=True) if not fine)
    if good[0]:
        return warning(name, f"{told}; {listed}; the newest one arrived", _REMEDIES.get(newest, _LOOK))
    judge = blocked if not any(good) else warning
    return judge(name, f"{told}; {listed}; the newest one failed", _REMEDIES.get(newest, _LOOK))


_LOOK = "the App's settings page shows each under Advanced, with the answer it got"
_REMEDIES = {
    0: "the webhook's address must lead to the running server, reachable from the internet",
    401: "WEBHOOK_SECRET must be the secret on the App's settings page",
    404: "the webhook's address must end in /webhook",
    405: "the webhook's address must end in /webhook",
    502: "the proxy before the server does not reach it: is `pipeline serve` running?",
    503: "the server could not store it: look at /readyz and at the database below",
}


def judge_rate_limit(reply: Reply) -> Check:
    """What is left of the hour's requests; a server without limits answers 404."""
    name = "rate limit"
    if reply.status == 404:
        return ok(name, "this server has none")
    core = (reply.object.get("resources") or {}).get("core") or {}
    limit, left = core.get("limit"), core.get("remaining")
    if reply.status != 200 or not isinstance(limit, int) or not isinstance(left, int):
        return warning(name, f"cannot be read: {reply.reason}", "try again later")
    minutes = max(0, round((core.get("reset", 0) - reply.at) / 60))
    told = f"{left} of {limit} requests left, new ones in {minutes} min"
    if left * 10 < limit:
        return warning(name, told, "work waits by itself; ask less by excluding repositories or workflows")
    return ok(name, told)
