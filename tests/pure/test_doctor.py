"""What the doctor makes of what it found."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from bot.doctor import app_checks, token_checks
from bot.doctor.check import Check, as_json, as_text, blocked, ok, warning
from bot.doctor.database_checks import (
    DatabaseFacts,
    QueueFacts,
    has_wal_reset_bug,
    judge_database,
    judge_queue,
    judge_server,
)
from bot.doctor.webhook_checks import judge_webhook
from bot.github.reply import Reply
from bot.manifest import manifest
from tests.test_docs import ROOT

WANTED = manifest().permissions
PAGE = "https://github.com/settings/apps/pipeline-monitor"
NOON = "Wed, 25 Nov 2026 12:00:00 GMT"
AT_NOON = 1795608000.5


def test_the_manifest_is_read_as_yaml_reads_it() -> None:
    assert manifest().whole == yaml.safe_load((ROOT / "app.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("seconds", "status", "words"),
    [
        (0, "ok", "agrees"),
        (29, "ok", "agrees"),
        (45, "warning", "45 seconds ahead"),
        (-300, "warning", "300 seconds behind"),
    ],
)
def test_a_clock_that_differs_is_told(seconds: float, status: str, words: str) -> None:
    check = app_checks.judge_clock(Reply(200, headers={"date": NOON}, at=AT_NOON + seconds))
    assert check.status == status
    assert words in check.message


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(401, {"message": "A JSON web token could not be decoded"}), "could not be decoded"),
        (Reply(404, {"message": "Integration not found"}), "there is no App with the id 5"),
        (Reply(0, error="refused"), "cannot be reached: refused"),
        (Reply(503, None), "503"),
    ],
)
def test_credentials_that_do_not_work_block(reply: Reply, words: str) -> None:
    check = app_checks.judge_app(reply, 5, "https://api.github.com")
    assert check.status == "blocked"
    assert words in check.message
    assert check.remedy


def without(*names: str, **changed: str) -> dict[str, str]:
    return {key: level for key, level in (WANTED | changed).items() if key not in names}


@pytest.mark.parametrize(
    ("granted", "status", "words"),
    [
        (without(), "ok", "app.yml"),
        (without("pull_requests"), "warning", "pull_requests: read"),
        (without(actions="read"), "warning", "actions: write"),
        (without("actions"), "blocked", "actions: write"),
        (without("issues"), "warning", "issues: write"),
        (without("issues", "checks"), "blocked", "checks: write"),
        (without(administration="write"), "warning", "more than is needed: administration"),
        (without(issues="admin"), "ok", "app.yml"),
    ],
)
def test_permissions_are_held_against_the_manifest(granted: dict[str, str], status: str, words: str) -> None:
    check = app_checks.judge_permissions(granted, WANTED, PAGE)
    assert (check.status, words in check.message) == (status, True), check


def test_an_app_without_the_event_of_runs_is_blocked() -> None:
    wanted = manifest().events
    assert app_checks.judge_events(wanted, wanted, PAGE).status == "ok"
    assert app_checks.judge_events([*wanted, "push"], wanted, PAGE).status == "ok"
    fewer = app_checks.judge_events([one for one in wanted if one != "issues"], wanted, PAGE)
    assert (fewer.status, fewer.message) == ("warning", "not subscribed: issues")
    assert app_checks.judge_events([], wanted, PAGE).status == "blocked"


def installed(login: str, **fields: Any) -> dict[str, Any]:
    return {"id": 1, "account": {"login": login}, "permissions": WANTED, "html_url": f"https://x/{login}", **fields}


def test_installations_that_are_suspended_or_behind_are_named() -> None:
    found = [installed("a"), installed("b", suspended_at="2026-11-01T00:00:00Z"), installed("c", permissions={})]
    checks = app_checks.judge_installations(found, WANTED, "https://github.com/apps/x")
    assert [check.status for check in checks] == ["ok", "warning", "warning"]
    assert "suspended: b" in checks[1].message
    assert checks[2].message.startswith("c: actions")
    assert "https://x/c" in checks[2].remedy


def test_an_app_that_is_installed_nowhere_or_suspended_everywhere_is_blocked() -> None:
    [check] = app_checks.judge_installations([], WANTED, "https://github.com/apps/x")
    assert (check.status, "https://github.com/apps/x/installations/new" in check.remedy) == ("blocked", True)
    checks = app_checks.judge_installations([installed("a", suspended_at="2026")], WANTED, "u")
    assert "blocked" in {check.status for check in checks}


@pytest.mark.parametrize(
    ("codes", "status", "words"),
    [
        ([], "ok", "none"),
        ([202, 202], "ok", "2 of the last 2 were taken"),
        ([202, 401, 0], "warning", "1 × 401, 1 × no answer"),
        ([0, 202], "warning", "the newest one failed"),
        ([401, 401], "blocked", "2 × 401"),
    ],
)
def test_deliveries_are_judged_by_their_answers(codes: list[int], status: str, words: str) -> None:
    check = app_checks.judge_deliveries([{"status_code": code} for code in codes])
    assert (check.status, words in check.message) == (status, True), check


def test_refused_signatures_lead_to_the_secret() -> None:
    assert "WEBHOOK_SECRET" in app_checks.judge_deliveries([{"status_code": 401}]).remedy


def hook(**fields: str) -> Reply:
    good = {"url": "https://host/webhook", "content_type": "json", "insecure_ssl": "0", "secret": "********"}
    return Reply(200, {key: value for key, value in (good | fields).items() if value})


@pytest.mark.parametrize(
    ("reply", "has_secret", "status", "words"),
    [
        (hook(), True, "ok", "https://host/webhook, signed"),
        (hook(content_type="form"), True, "ok", "signed"),
        (hook(url="https://smee.io/abc"), True, "ok", "WEBHOOK_PROXY_URL"),
        (hook(url=""), True, "blocked", "leads nowhere"),
        (hook(url="https://example.invalid/webhook"), True, "blocked", "leads nowhere"),
        (hook(secret=""), True, "blocked", "every delivery is refused"),
        (hook(), False, "warning", "nothing here checks them"),
        (hook(insecure_ssl="1"), True, "warning", "not verified"),
        (hook(url="http://host/webhook"), True, "warning", "not encrypted"),
        (hook(url="https://host/"), True, "warning", "takes deliveries at /webhook"),
        (Reply(404, {"message": "Not Found"}), True, "blocked", "none"),
        (Reply(500), True, "warning", "500"),
    ],
)
def test_the_webhook_is_judged(reply: Reply, has_secret: bool, status: str, words: str) -> None:
    check = judge_webhook(reply, has_secret=has_secret, proxy_url="https://smee.io/abc", settings_url=PAGE)
    assert (check.status, words in check.message) == (status, True), check


def test_a_token_is_told_with_its_kind_and_end() -> None:
    headers = {"x-oauth-scopes": "gist", "github-authentication-token-expiration": "2026-11-30 12:00:00 UTC"}
    checks = token_checks.judge_token(Reply(200, {"login": "ada"}, headers, at=AT_NOON), "u")
    assert [check.status for check in checks] == ["ok", "warning", "blocked", "ok"]
    assert "the token ends in 5 days" in checks[1].message
    assert "neither the scope repo" in checks[2].message
    fine = token_checks.judge_token(Reply(200, {"login": "ada"}), "u")
    assert [check.status for check in fine] == ["ok", "ok"]
    assert "fine-grained" in fine[0].message
    assert "Apps alone" in fine[1].message


def test_repositories_of_a_token_are_reached_one_by_one() -> None:
    good, gone = Reply(200, {"has_issues": True}), Reply(404, {"message": "Not Found"})
    checks = token_checks.judge_repositories({"a/b": good, "a/c": gone, "a/d": Reply(301)})
    assert [check.status for check in checks] == ["ok", "warning", "warning"]
    assert "a/c: 404 Not Found" in checks[1].message
    assert "blocked" in {check.status for check in token_checks.judge_repositories({"a/c": gone})}


def suggested(*logins: str) -> Reply:
    nodes = [{"login": login} for login in logins]
    return Reply(200, {"data": {"repository": {"suggestedActors": {"nodes": nodes}}}})


@pytest.mark.parametrize(
    ("user", "answer", "status", "words"),
    [
        (None, None, "ok", "not set"),
        (Reply(401, {"message": "Bad credentials"}), None, "warning", "401 Bad credentials"),
        (Reply(200, {"login": "ada"}), None, "ok", "once a repository is known"),
        (Reply(200, {"login": "ada"}), suggested("bob", "copilot-swe-agent"), "ok", "ada may assign"),
        (Reply(200, {"login": "ada"}), suggested("bob"), "warning", "ada may not"),
        (Reply(200, {"login": "ada"}), Reply(200, {"errors": []}), "warning", "is not told"),
    ],
)
def test_the_agent_is_asked_about(user: Reply | None, answer: Reply | None, status: str, words: str) -> None:
    check = token_checks.judge_agent(user, answer)
    assert (check.status, words in check.message) == (status, True), check


@pytest.mark.parametrize(
    ("version", "broken"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
    ],
)
def test_the_sqlite_versions_with_the_wal_reset_bug_are_known(version: tuple[int, ...], broken: bool) -> None:
    assert has_wal_reset_bug(version) is broken


def statuses(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.status for check in checks}


def test_a_database_is_judged_by_version_tables_durability_and_room() -> None:
    sound = {"journal_mode": "wal"}
    good = DatabaseFacts("p.db", "sqlite", (3, 51, 3), settings=sound, size=2**20, free=2**30)
    assert set(statuses(judge_database(good)).values()) == {"ok"}
    bad = DatabaseFacts("p.db", "sqlite", (3, 46, 1), settings={"journal_mode": "delete"}, current=False, free=2**20)
    assert statuses(judge_database(bad)) == {
        "database version": "warning",
        "database": "ok",
        "migrations": "warning",
        "durability": "warning",
        "disk": "blocked",
    }
    lossy = DatabaseFacts("d on h", "postgresql", (16, 2), settings={"fsync": "off"})
    assert statuses(judge_database(lossy))["durability"] == "warning"
    assert statuses(judge_database(DatabaseFacts("p.db", "sqlite", fault="refused"))) == {"database": "blocked"}


def test_the_queue_tells_of_old_work_and_of_the_dead_by_reason() -> None:
    checks = judge_queue(QueueFacts(3, 0, 5, 4000.0, {"GitHub answered 403": 4, "no log": 1}))
    assert statuses(checks) == {"queue": "warning", "dead deliveries": "warning"}
    assert "1 h" in checks[0].message
    assert checks[1].message == "5 (4 × GitHub answered 403; 1 × no log)"
    assert set(statuses(judge_queue(QueueFacts(0, 1, 0, None))).values()) == {"ok"}


def test_a_server_is_found_by_socket_lock_or_address() -> None:
    assert judge_server(answers=12, holder=None, ready=None).status == "ok"
    assert "process 12" in judge_server(answers=None, holder=12, ready=None).message
    assert judge_server(answers=None, holder=None, ready="ready").status == "ok"
    assert "no disk" in judge_server(answers=None, holder=None, ready="no disk").message
    assert "pipeline serve" in judge_server(answers=None, holder=None, ready=None).remedy


def test_the_report_is_the_contracts_json_and_words_not_colours_alone() -> None:
    checks = [
        ok("a", "fine"),
        warning("b", "half", "do it"),
        blocked("c", "bad ghp_0123456789abcdefghijklmnopqrstuvwxyzAB", "mend"),
    ]
    told = json.loads(as_json(checks))
    assert told["ok"] is False
    assert told["checks"][1] == {"name": "b", "status": "warning", "message": "half", "remedy": "do it"}
    text = as_text(checks, coloured=True)
    assert "BLOCKED" in text
    assert "1 blocked, 1 to look at" in text
    assert "ghp_0123" not in text
    assert json.loads(as_json(checks[:2]))["ok"] is True
