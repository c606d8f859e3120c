"""The command line: words, exit codes, JSON alone on stdout, one clear line on stderr."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from pathlib import Path

import pytest

from bot.cli.program import run
from storage import runs
from storage.database import Database
from tests.end_to_end.world import PYTEST_LOG, RUFF_LOG
from tests.factories import a_run

CLASSIFY_FIELDS = {
    "file",
    "category",
    "severity",
    "confidence",
    "rule",
    "tool",
    "message",
    "line",
    "excerpt",
    "location",
    "fingerprint",
    "suggestions",
    "reasons",
}
HEALTH_FIELDS = {
    "time_range",
    "repository",
    "success_rate",
    "total_runs",
    "successful_runs",
    "failed_runs",
    "average_duration_minutes",
    "health_score",
}


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder and none of our own settings."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "GITHUB_APP_ID",
        "GITHUB_TOKEN",
        "DATABASE_URL",
        "PORT",
        "HOST",
        "WEBHOOK_SECRET",
        "DYNO",
        "LOG_LEVEL",
    ):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def log_file(folder: Path, text: str = PYTEST_LOG, name: str = "job.log") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_version_and_help_are_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("pipeline ")
    assert run(["--help"]) == 0
    assert "classify" in capsys.readouterr().out
    assert run([]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["classify"],
        ["health", "--time-range", "soon"],
        ["health", "--format", "xml"],
        ["health", "--nope"],
        ["db"],
    ],
    ids=" ".join,
)
def test_a_wrong_call_is_one_line_and_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    assert captured.err.startswith("pipeline: ")


def test_an_unusable_variable_is_named_before_anything_starts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "eighty")
    assert run(["serve"]) == 2
    assert "PORT" in capsys.readouterr().err


def test_classify_prints_one_object_a_line_in_the_order_of_the_files(
    clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [log_file(clean, RUFF_LOG, "lint.log"), log_file(clean)]
    assert run(["classify", *files, "--format", "json"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(answer["file"], answer["category"]) for answer in answers] == [
        (files[0], "linting"),
        (files[1], "testing"),
    ]
    assert set(answers[0]) == CLASSIFY_FIELDS
    assert answers[0]["location"] == {"path": "app/cart.py", "line": 1}
    assert answers[1]["message"] in answers[1]["excerpt"]


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_answered(
    clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["classify", "missing.log", str(clean), log_file(clean), "--format", "json"]) == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1
    assert len(captured.err.splitlines()) == 2
    assert "missing.log" in captured.err


def test_classify_reads_stdin(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PYTEST_LOG.encode())))
    assert run(["classify", "-", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["file"], answer["category"]) == ("-", "testing")


def test_the_default_branch_raises_the_severity(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    severities = []
    for extra in ([], ["--branch", "main", "--default-branch"]):
        run(["classify", log_file(clean), "--format", "json", *extra])
        severities.append(json.loads(capsys.readouterr().out)["severity"])
    assert severities == ["medium", "high"]


def test_explain_shows_what_competed(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["classify", log_file(clean), "--explain"]) == 0
    text = capsys.readouterr().out
    assert "findings that competed" in text
    assert "assert 3 == 4" in text


def test_health_of_nothing_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["health", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == HEALTH_FIELDS
    assert answer["health_score"] == "unknown"
    assert answer["success_rate"] is None


def test_health_counts_what_is_recorded(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import time

    now = int(time.time())

    async def record() -> None:
        database = await Database.open("sqlite:///pipeline.db")
        await database.migrate()
        for number, conclusion in enumerate(["success", "success", "failure", "cancelled"]):
            one = a_run(
                run_id=number + 1,
                conclusion=conclusion,
                created_at=now - 700,
                started_at=now - 700,
                completed_at=now - 100,
            )
            await database.write(lambda tx, one=one: runs.record(tx, one))
        await database.close()

    asyncio.run(record())
    assert run(["health", "--time-range", "24h", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["success_rate"], answer["total_runs"], answer["failed_runs"]) == (66.7, 3, 1)
    assert answer["average_duration_minutes"] == 10.0
    assert answer["health_score"] == "poor"
    assert run(["health"]) == 0
    assert "66.7 %" in capsys.readouterr().out
    assert run(["health", "--format", "markdown"]) == 0
    assert "66.7" in capsys.readouterr().out


def test_db_upgrade_makes_the_contracts_tables(clean: Path) -> None:
    import sqlite3

    assert run(["db", "upgrade"]) == 0
    connection = sqlite3.connect(clean / "pipeline.db")
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert {"pipeline_runs", "pipeline_failures", "failure_patterns"} <= tables


def test_a_folder_that_cannot_hold_the_database_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///missing/folder/pipeline.db")
    assert run(["db", "upgrade"]) == 1
    assert "missing/folder" in capsys.readouterr().err


def test_debug_before_or_after_the_command_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--debug", "health", "--time-range", "x"], ["health", "--time-range", "x", "--debug"]):
        assert run(arguments) == 2
        assert "Traceback" in capsys.readouterr().err


def test_replay_needs_credentials(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["replay", log_file(clean, "{}")]) == 2
    assert "GITHUB_APP_ID" in capsys.readouterr().err
