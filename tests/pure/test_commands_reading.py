"""The reading commands over a real database: what they say of whom, and what they do with odd arguments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.commands.parser import parse
from bot.commands.registry import COMMANDS, Answer, answer
from bot.commands.spec import CommandContext
from storage import history, installations, issues
from storage.database import Database
from storage.model import JobResult
from tests import factories as make

HERE = make.a_repository()
PUBLIC = make.a_repository(id=8, full_name="octo/docs")
PRIVATE = make.a_repository(id=9, full_name="octo/secret", private=True)
STRANGER = make.a_repository(id=10, full_name="other/shop", installation_id=2)
READING = ("dashboard", "health", "patterns", "status", "explain", "flaky")
WITH_REPO = tuple(name for name in READING if name != "explain")
SECRET = "the secret of a private repository"


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[CommandContext]:
    database = await Database.open(f"sqlite:///{tmp_path / 'pipeline.db'}")
    try:
        await database.migrate()
        await database.write(
            lambda tx: installations.save_repositories(tx, [HERE, PUBLIC, PRIVATE, STRANGER]),
        )
        yield CommandContext(database=database, repository=HERE, now=make.NOW, commands=COMMANDS)
    finally:
        await database.close()


async def said(context: CommandContext, comment: str) -> Answer:
    return await answer(context, parse(comment))


async def failed(context: CommandContext, run_id: int, repo: object = HERE, **fields: object) -> None:
    """A run whose job failed, as it was learnt."""
    place = {"repo_id": repo.id, "repository": repo.full_name, "installation_id": repo.installation_id}  # type: ignore[attr-defined]
    run = make.a_run(run_id=run_id, commit=f"{run_id:040x}", default_branch=True, **place)
    failure = make.a_failure(run_id=run_id, job_id=run_id, commit=run.commit, **place | fields)
    await context.database.write(lambda tx: history.learn(tx, run, [job_of(run_id, run.repo_id, "failure")], [failure]))


async def passed(context: CommandContext, run_id: int, **fields: object) -> None:
    """The next attempt of a run, green."""
    run = make.a_run(run_id=run_id, run_attempt=2, conclusion="success", commit=f"{run_id:040x}", **fields)
    await context.database.write(lambda tx: history.learn(tx, run))


def job_of(run_id: int, repo_id: int, conclusion: str) -> JobResult:
    return JobResult(
        repo_id=repo_id,
        run_id=run_id,
        run_attempt=1,
        job_id=run_id,
        job="test",
        conclusion=conclusion,
        started_at=make.NOW - 600,
        completed_at=make.NOW,
    )


@pytest.mark.parametrize("name", [name for name in READING if name != "explain"])
async def test_an_empty_history_is_an_answer(context: CommandContext, name: str) -> None:
    found = await said(context, f"/pipeline {name}")
    assert found.good
    assert "`octo/shop`" in found.markdown
    assert "Next: " in found.markdown


async def test_explaining_an_empty_history_says_so(context: CommandContext) -> None:
    found = await said(context, "/pipeline explain")
    assert not found.good
    assert "No failure of this repository is recorded." in found.markdown


async def test_the_dashboard_shows_what_happened_here(context: CommandContext) -> None:
    await failed(context, 1)
    await failed(context, 2)
    found = await said(context, "/pipeline dashboard --time-range 7d")
    assert found.good
    assert "is **poor** over the last 7d" in found.markdown
    assert "`CI` is red on `main`" in found.markdown
    assert "it failed 2 times in 7d and took 20 runner minutes" in found.markdown
    assert "```mermaid\nxychart-beta\n" in found.markdown


async def test_patterns_count_this_repository_alone(context: CommandContext) -> None:
    for run_id in (1, 2):
        await failed(context, run_id)
    for run_id in (3, 4, 5):
        await failed(context, run_id, PRIVATE, message=SECRET, detected_at=make.NOW + 60)
    found = await said(context, "/pipeline patterns")
    assert "1 recurring failure in `octo/shop`" in found.markdown
    assert "| testing | 20 | 2 | 2026-" in found.markdown


@pytest.mark.parametrize("name", WITH_REPO)
async def test_nothing_is_said_of_another_private_repository(context: CommandContext, name: str) -> None:
    for run_id in (3, 4, 5):
        await failed(context, run_id, PRIVATE, message=SECRET)
    await passed(context, 5, repo_id=PRIVATE.id, repository=PRIVATE.full_name)
    everywhere = " --repo all" if name in ("dashboard", "health", "patterns") else ""
    for options in (everywhere, " --repo octo/secret", " --repo other/shop"):
        found = await said(context, f"/pipeline {name}{options}")
        assert SECRET not in found.markdown
        assert found.good or "is not available here" in found.markdown
        assert "poor" not in found.markdown


async def test_a_link_into_another_private_repository_explains_nothing(context: CommandContext) -> None:
    await failed(context, 3, PRIVATE, message=SECRET)
    found = await said(context, "/pipeline explain https://github.com/octo/secret/actions/runs/3/job/3")
    assert "is not available here" in found.markdown
    assert SECRET not in found.markdown


async def test_all_is_this_repository_and_the_public_ones(context: CommandContext) -> None:
    await failed(context, 1)
    await failed(context, 2, PUBLIC)
    await failed(context, 3, PRIVATE)
    found = await said(context, "/pipeline dashboard --repo all")
    assert "| 0.0% | 2 | 2 |" in found.markdown
    assert "`octo/docs`" in found.markdown
    assert "octo/secret" not in found.markdown
    patterns = await said(context, "/pipeline patterns --repo all")
    assert "| testing | 20 | 2 | 2 |" in patterns.markdown


@pytest.mark.parametrize(
    ("argument", "job"),
    [
        ("", "lint"),
        ("https://github.com/octo/shop/actions/runs/1234", "test"),
        ("https://github.com/octo/shop/actions/runs/1234/attempts/1", "test"),
        ("https://github.com/octo/shop/actions/runs/1234/job/1234?pr=5", "test"),
        ("1234", "test"),
        ("v1-5d41402abc4b2a76", "test"),
    ],
)
async def test_explain_finds_the_failure_that_is_meant(context: CommandContext, argument: str, job: str) -> None:
    await failed(context, 1234, detected_at=make.NOW - 900)
    await failed(context, 1300, job="lint", fingerprint="v1-0000000000000001")
    found = await said(context, f"/pipeline explain {argument}")
    assert found.good
    assert found.markdown.startswith(f"[`CI / {job}`]")
    assert "| testing | high | `pytest/failed` | 97% |" in found.markdown
    assert "- the line names a failed test" in found.markdown


async def test_on_our_own_issue_explain_means_its_failure(context: CommandContext) -> None:
    await failed(context, 1, detected_at=make.NOW - 900)
    await failed(context, 2, job="lint", fingerprint="v1-0000000000000001")
    await context.database.write(lambda tx: issues.save(tx, make.an_issue(number=5)))
    found = await said(replace(context, issue_number=5), "/pipeline explain")
    assert found.markdown.startswith("[`CI / test`]")


async def test_status_compares_with_what_passed_before(context: CommandContext) -> None:
    for run_id, took in ((1, 100), (2, 240), (3, 9_000)):
        green = make.a_run(
            run_id=run_id, conclusion="success", started_at=make.NOW - 20_000, completed_at=make.NOW - 20_000 + took
        )
        await context.database.write(lambda tx, run=green: history.learn(tx, run))  # type: ignore[misc]
    going = make.a_run(run_id=9, status="in_progress", conclusion=None, completed_at=None)
    await context.database.write(lambda tx: history.learn(tx, going))
    found = await said(context, "/pipeline status")
    assert "1 run in progress in `octo/shop`." in found.markdown
    assert "| 10 min (late) | 4 min |" in found.markdown


async def test_flaky_is_what_passed_on_the_same_commit_with_the_proof(context: CommandContext) -> None:
    await failed(context, 1)
    await passed(context, 1, completed_at=make.NOW + 300)
    await failed(context, 2, fingerprint="v1-0000000000000001")
    found = await said(context, "/pipeline flaky")
    assert "1 failure in `octo/shop` failed and then passed on one commit" in found.markdown
    assert "[failed](" in found.markdown
    assert "[passed](" in found.markdown


HOSTILE = (
    "x" * 5_000_000,
    "\x00\x1b[2J\u202e\ud800",
    "../../etc/passwd",
    "`</details>` <img src=x> @octocat #1 [x](http://evil.test)",
    "(a+)+$",
    "'; DROP TABLE pipeline_runs; --",
    "-1",
    "9999999999",
    "https://evil.test/octo/shop/actions/runs/99999999999999999999",
)


@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("option", ["", "--repo ", "--time-range ", "--days "])
async def test_hostile_arguments_are_answered_without_harm(
    context: CommandContext, name: str, hostile: str, option: str
) -> None:
    found = await said(context, f"/pipeline {name} {option}{hostile}")
    assert len(found.markdown) < 4_000
    assert "@octocat" not in found.markdown
    assert "<img" not in found.markdown.replace("`<img", "").replace("\\<img", "")
    assert "](http://evil.test)" not in found.markdown.replace("`[x](http://evil.test)`", "")
    assert (await said(context, "/pipeline health")).good
