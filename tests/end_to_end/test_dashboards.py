"""The dashboard, patterns and export as people and scripts call them: on the command line and in comments."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import stat
import sys
import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bot.cli.program import run
from bot.render.objects import FAILURE_FIELDS, RUN_FIELDS
from storage import history, installations
from storage.database import Database
from storage.model import JobResult
from tests import factories as make
from tests.end_to_end.test_commands import conversation, typed
from tests.end_to_end.world import REPO, RUFF_LOG, World

pytestmark = pytest.mark.slow

DASHBOARD_FIELDS = {
    *("generated_at", "time_range", "repository", "health", "live", "by_category", "by_severity", "by_repository"),
    *("trend", "repository_health", "patterns", "alerts", "recommendations"),
}
Said = Callable[..., str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder and none of our own settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_APP_ID", "GITHUB_TOKEN", "DATABASE_URL", "LOG_LEVEL", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """What a call prints on stdout; it must exit with 0."""

    def call(*arguments: str) -> str:
        assert run(list(arguments)) == 0
        return capsys.readouterr().out

    return call


@pytest.fixture
def recorded(folder: Path) -> int:
    """Two red runs and a green one of octo/shop, one red run of the private octo/secret, one that runs; the time."""
    now = int(time.time())
    shop, secret = make.a_repository(), make.a_repository(id=9, full_name="octo/secret", private=True)

    async def record() -> None:
        database = await Database.open("sqlite:///pipeline.db")
        await database.migrate()
        await database.write(lambda tx: installations.save_repositories(tx, [shop, secret]))
        for number, repo in enumerate((shop, shop, secret, shop, shop), 1):
            await database.write(lambda tx, number=number, repo=repo: _learn(tx, number, repo, now))  # type: ignore[misc]
        await database.close()

    asyncio.run(record())
    return now


async def _learn(tx: Any, number: int, repo: Any, now: int) -> None:
    conclusion = {4: "success", 5: None}.get(number, "failure")
    place = {
        "repo_id": repo.id,
        "repository": repo.full_name,
        "run_id": number,
        "branch": "dev" if number > 3 else "main",
    }
    times = {"created_at": now - 700, "started_at": now - 700, "completed_at": now - 100 if conclusion else None}
    status = "completed" if conclusion else "in_progress"
    run = make.a_run(**place, **times, conclusion=conclusion, status=status, default_branch=number <= 3)
    failures = [make.a_failure(**place, job_id=number, detected_at=now - 100)] if conclusion == "failure" else []
    job = JobResult(
        repo_id=repo.id,
        run_id=number,
        run_attempt=1,
        job_id=number,
        job="test",
        conclusion="failure",
        started_at=now - 700,
        completed_at=now - 100,
    )
    await history.learn(tx, run, [job] if failures else [], failures)


def test_the_dashboard_as_json_has_the_promised_shape(recorded: int, said: Said) -> None:
    answer = json.loads(said("dashboard", "--format", "json"))
    assert set(answer) >= DASHBOARD_FIELDS
    assert (answer["time_range"], answer["repository"]) == ("24h", None)
    assert answer["health"]["success_rate"] == 25.0
    assert answer["by_category"] == {"testing": 3}
    assert answer["by_severity"] == {"high": 3}
    assert answer["by_repository"] == {"octo/shop": 2, "octo/secret": 1}
    (running,) = answer["live"]["running"]
    assert set(running) == {"repository", "workflow", "run_id", "branch", "started_at", "url"}
    assert [set(one) for one in answer["live"]["recent_failures"]] == [set(FAILURE_FIELDS)] * 3
    assert [set(one) - set(answer["health"]) for one in answer["repository_health"]] == [{"direction"}] * 2
    (pattern,) = answer["patterns"]
    assert (pattern["count"], pattern["repositories"]) == (3, ["octo/secret", "octo/shop"])
    assert {alert["kind"] for alert in answer["alerts"]} == {"default_branch_red"}
    assert [set(alert) for alert in answer["alerts"]] == [{"severity", "kind", "repository", "message", "url"}] * 2
    (advice,) = answer["recommendations"]
    assert (advice["category"], advice["fingerprint"]) == ("testing", pattern["fingerprint"])
    assert "failed 3 times in 24h and took 30 runner minutes" in advice["text"]


def test_the_trend_has_every_hour_and_adds_up_to_the_health(recorded: int, said: Said) -> None:
    answer = json.loads(said("dashboard", "--format", "json"))
    buckets = answer["trend"]["buckets"]
    assert len(buckets) in (24, 25)
    assert sum(bucket["runs"] for bucket in buckets) == answer["health"]["total_runs"] == 4
    assert sum(bucket["failures"] for bucket in buckets) == answer["health"]["failed_runs"] == 3
    starts = [datetime.strptime(bucket["start"], "%Y-%m-%dT%H:00:00Z") for bucket in buckets]  # noqa: DTZ007
    assert {(after - before).seconds for before, after in pairwise(starts)} == {3600}
    assert answer["trend"]["direction"] in ("increasing", "decreasing", "stable")
    days = json.loads(said("dashboard", "--format", "json", "--time-range", "7d"))["trend"]["buckets"]
    assert len(days) == 8


def test_one_repository_is_counted_alone_whatever_the_case_of_its_name(recorded: int, said: Said) -> None:
    answer = json.loads(said("dashboard", "--repo", "OCTO/Shop", "--format", "json"))
    assert (answer["repository"], answer["health"]["total_runs"]) == ("octo/shop", 3)
    assert answer["by_repository"] == {"octo/shop": 2}
    (pattern,) = json.loads(said("patterns", "--repo", "octo/shop", "--format", "json"))["patterns"]
    assert (pattern["count"], pattern["repositories"]) == (2, ["octo/shop"])


def test_patterns_as_json_have_the_promised_shape(recorded: int, said: Said) -> None:
    answer = json.loads(said("patterns", "--days", "7", "--format", "json"))
    assert answer["days"] == 7
    (pattern,) = answer["patterns"]
    assert set(pattern) == {
        *("fingerprint", "category", "description", "count", "repositories", "first_seen", "last_seen"),
        *("muted", "suggestions"),
    }
    assert pattern["last_seen"].endswith("Z")


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_what_a_person_reads_names_what_matters_without_decoration(recorded: int, said: Said, form: str) -> None:
    text = said("dashboard", "--format", form)
    for needed in ("octo/shop", "test_total", "poor", "testing", "runner minutes", "red on"):
        assert needed in text
    assert "\x1b" not in text
    assert not set("█▁┃│") & set(text)
    assert "test_total" in said("patterns", "--format", form)


class Terminal(io.StringIO):
    """Somebody looks on."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_bars_and_sparklines_on_one_screen_unless_told_otherwise(
    recorded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    for no_color in ("", "1"):
        monkeypatch.setenv("NO_COLOR", no_color)
        monkeypatch.setattr("sys.stdout", Terminal())
        assert run(["dashboard"]) == 0
        drawn.append(sys.stdout.getvalue())  # type: ignore[attr-defined]
    assert "█" in drawn[0]
    assert "█" not in drawn[1]
    assert "\x1b" not in drawn[1]
    assert len(drawn[0].splitlines()) <= 50
    assert "Failed runs" in drawn[0]


def test_nothing_is_told_by_colour_alone(recorded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setenv("COLUMNS", "200")
    for no_color in ("", "1"):
        monkeypatch.setenv("NO_COLOR", no_color)
        monkeypatch.setattr("sys.stdout", Terminal())
        assert run(["dashboard"]) == 0
        told.append(re.sub(r"\x1b\[[0-9;]*m", "", sys.stdout.getvalue()))  # type: ignore[attr-defined]
    plain, coloured = set(told[1].split()), set(told[0].split())
    assert "Severity" in plain
    assert plain <= coloured


def test_without_a_database_the_answer_is_empty_and_a_hint_goes_to_stderr(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for call, empty in (
        (["dashboard", "--format", "json"], ("patterns", [])),
        (["patterns", "--format", "json"], ("patterns", [])),
        (["export", "--output", "-"], ("runs", [])),
        (["health", "--format", "json"], ("total_runs", 0)),
    ):
        assert run(call) == 0
        captured = capsys.readouterr()
        answer = json.loads(captured.out)
        assert answer[empty[0]] == empty[1]
        assert "pipeline serve" in captured.err
    for form in ("text", "markdown"):
        assert run(["dashboard", "--format", form]) == 0
        assert run(["patterns", "--format", form]) == 0
    assert list(folder.iterdir()) == []


def test_an_unknown_repository_is_an_empty_answer(recorded: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dashboard", "--repo", "octo/\x1b[2Jnothing", "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["health"]["health_score"] == "unknown"
    assert "nothing is recorded of" in captured.err
    assert "\x1b" not in captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["dashboard", "--time-range", "soon"],
        ["dashboard", "--time-range", "9" * 5_000],
        ["dashboard", "--format", "csv"],
        ["patterns", "--days", "0"],
        ["patterns", "--days", "many"],
        ["patterns", "--days", "401"],
        ["export"],
        ["export", "--output", "-", "--format", "xml"],
        ["export", "--output", "-", "--time-range", "-1d"],
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    assert len(captured.err) < 500


def test_export_writes_one_object_with_everything(recorded: int, said: Said, folder: Path) -> None:
    assert said("export", "--output", "out.json") == ""
    answer = json.loads((folder / "out.json").read_text())
    assert list(answer) == ["generated_at", "time_range", "repository", "runs", "failures", "patterns", "health"]
    assert (answer["time_range"], len(answer["runs"]), len(answer["failures"])) == ("7d", 5, 3)
    assert [set(one) for one in answer["runs"]] == [set(RUN_FIELDS)] * 5
    assert answer["runs"][0]["started_at"].endswith("Z")
    assert next(one for one in answer["runs"] if one["run_id"] == 5)["completed_at"] is None
    assert answer["health"]["total_runs"] == 4
    assert stat.S_IMODE((folder / "out.json").stat().st_mode) & 0o077 in (0o044, 0o064, 0o066, 0)


def test_export_as_ndjson_is_one_object_a_line_with_its_type(recorded: int, said: Said) -> None:
    lines = [json.loads(line) for line in said("export", "--output", "-", "--format", "ndjson").splitlines()]
    assert [line["type"] for line in lines] == ["run"] * 5 + ["failure"] * 3 + ["pattern"]
    assert set(lines[5]) == {"type", *FAILURE_FIELDS}


def test_export_as_csv_is_the_failures_and_no_formula(recorded: int, said: Said) -> None:
    async def hostile() -> None:
        database = await Database.open("sqlite:///pipeline.db")
        run = make.a_run(run_id=77, completed_at=recorded)
        failure = make.a_failure(run_id=77, detected_at=recorded, message='=HYPERLINK("http://x")', excerpt='a,\n"b"')
        await database.write(lambda tx: history.learn(tx, run, [], [failure]))
        await database.close()

    asyncio.run(hostile())
    rows = list(csv.DictReader(io.StringIO(said("export", "--output", "-", "--format", "csv", "--repo", "octo/shop"))))
    assert list(rows[0]) == list(FAILURE_FIELDS)
    found = next(row for row in rows if row["run_id"] == "77")
    assert (found["message"], found["excerpt"]) == ('\'=HYPERLINK("http://x")', 'a,\n"b"')


def test_a_file_that_cannot_be_written_keeps_what_was_there(
    recorded: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for output in ("missing/out.json", "bad\x00name", "."):
        assert run(["export", "--output", output]) == 1
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    (folder / "out.json").write_text("kept")
    (folder / "pipeline.db").write_bytes(b"this is no database" * 100)
    assert run(["export", "--output", "out.json"]) == 1
    assert (folder / "out.json").read_text() == "kept"
    assert sorted(path.name for path in folder.iterdir() if "partial" in path.name) == []


def test_a_device_is_written_to_and_never_replaced(recorded: int, said: Said) -> None:
    said("export", "--output", "/dev/null")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


async def test_every_reading_command_is_answered_in_one_comment(world: World) -> None:
    await world.fail(branch="main")
    await world.fail(RUFF_LOG)
    body = "\n".join(f"/pipeline {name}" for name in ("dashboard", "patterns", "status", "explain", "flaky"))
    _, answer = conversation(world, await typed(world, body))
    assert answer.body.count("\n\n---\n\n") == 4
    assert f"`{REPO}` is **poor**" in answer.body
    assert "| linting |" in answer.body
    assert "Nothing flaky in" in answer.body
    assert "2 other findings competed</summary>" in answer.body
    assert "(`runner-exit-code`) | unknown | 6 | " in answer.body
    assert " | wrapper, not cause |" in answer.body


async def test_the_command_line_reads_beside_the_running_server(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.fail()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'pipeline.db'}")

    async def answered(*arguments: str) -> Any:
        """The server logs to the same stdout here; the answer is the line of JSON."""
        assert await asyncio.to_thread(run, [*arguments, "--format", "json"]) == 0
        return json.loads(next(line for line in capsys.readouterr().out.splitlines() if line.startswith("{")))

    assert (await answered("dashboard"))["health"]["failed_runs"] == 1
    await world.fail()
    assert [one["count"] for one in (await answered("patterns"))["patterns"]] == [2]
