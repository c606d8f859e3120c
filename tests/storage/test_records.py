"""What is open, what recurs, what was done on GitHub, and how healthy it all is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from storage import effects, failures, issues, patterns
from storage.dashboards import health
from storage.model import Issue
from storage.recurring import recurring
from storage.scopes import Scope
from storage.windows import Window
from tests.storage.facts import REPO, START, make_failure, make_run
from tests.storage.telling import green, learn, red

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.database import Database
    from storage.model import Health


async def open_crossed(database: Database, gone: frozenset[str] = frozenset()) -> list[int]:
    async with database.read() as conn:
        return [one.run_id for one in await failures.open_crossed(conn, REPO, "f1", gone)]


async def open_of_commit(database: Database, commit: str) -> list[tuple[int, str]]:
    async with database.read() as conn:
        return [(one.run_attempt, one.job) for one in await failures.open_of_commit(conn, REPO, commit)]


# What is open


async def test_a_crossed_failure_is_open_until_every_branch_is_green(database: Database) -> None:
    crossed = [await red(database, 1), await red(database, 2, branch="dev")]
    await red(database, 3, branch="docs")
    await database.write(lambda tx: failures.mark_crossed(tx, crossed))
    assert await open_crossed(database) == [2, 1]
    assert await open_crossed(database, frozenset({"dev"})) == [1]
    await green(database, 4)
    await green(database, 5, branch="dev")
    assert await open_crossed(database) == []


async def test_a_commit_shows_each_job_at_its_latest_failing_attempt(database: Database) -> None:
    first, second = make_run(1, 1, commit="c"), make_run(1, 2, commit="c")
    await learn(database, first, make_failure(first, "a"), make_failure(first, "b"), make_failure(first, "d"))
    await learn(database, second, make_failure(second, "b"), green=("a",))
    assert await open_of_commit(database, "c") == [(2, "b"), (1, "d")]


async def test_a_green_attempt_clears_the_commit(database: Database) -> None:
    await red(database, 1, commit="c")
    await green(database, 1, 2, commit="c")
    assert await open_of_commit(database, "c") == []


async def test_a_later_commit_mends_the_branch_but_not_the_commit(database: Database) -> None:
    await red(database, 1, commit="c")
    await green(database, 2, commit="d")
    assert await open_of_commit(database, "c") == [(1, "test")]
    async with database.read() as conn:
        assert await failures.open_on_branch(conn, REPO, "main") == []


async def test_a_green_run_has_something_to_refresh_only_after_red(database: Database) -> None:
    async def anything(commit: str) -> bool:
        async with database.read() as conn:
            return await failures.anything_red(conn, REPO, commit, 7, "main")

    assert not await anything("c")
    await red(database, 1)
    assert await anything("c")
    await green(database, 2)
    assert not await anything("c")
    key = effects.check_run_key(REPO, "c")
    await database.write(lambda tx: effects.intend(tx, key=key, kind="check_run", repo_id=REPO, now=1))
    assert not await anything("c")
    await database.write(lambda tx: effects.done(tx, key, external_id="9", url="u", body_hash="h", now=2))
    assert await anything("c")


async def test_occurrences_are_the_newest_first(database: Database) -> None:
    for number in (2, 1, 3):
        await red(database, number)
    async with database.read() as conn:
        found = await failures.occurrences(conn, REPO, "f1", 2)
    assert [one.run_id for one in found] == [3, 2]


# Patterns

EVER = Window(0, START + 10**6)


async def test_a_pattern_counts_a_job_of_a_run_once_over_its_attempts(database: Database) -> None:
    for run_id, attempt in ((1, 1), (1, 2), (2, 1)):
        await red(database, run_id, attempt)
    other = make_run(3, repo_id=200, repository="acme/api")
    await learn(database, other, make_failure(other, message="newest"))
    async with database.read() as conn:
        (found,) = await recurring(conn, Scope((1,)), EVER, limit=5)
        (here,) = await recurring(conn, Scope((1,), (REPO,)), EVER, limit=5)
        assert await recurring(conn, Scope((1,), (200,)), EVER, limit=5) == []
        assert await recurring(conn, Scope((1,)), Window(START + 10**6, START + 10**6 + 1), limit=5) == []
        assert await recurring(conn, Scope((2,)), EVER, limit=5) == []
    assert (found.count, found.description) == (3, "newest")
    assert found.repositories == ("acme/api", "acme/shop")
    assert (here.count, here.description) == (2, "test_a failed")
    assert (found.first_seen, found.last_seen) == (make_run(1).completed_at, other.completed_at)


async def test_repositories_that_fail_at_the_same_time_are_all_counted(database: Database) -> None:
    told = [make_run(number, repo_id=200 + number, repository=f"acme/r{number}") for number in range(1, 9)]
    await asyncio.gather(*(learn(database, run, make_failure(run)) for run in told))
    async with database.read() as conn:
        found = await patterns.pattern(conn, 1, "f1")
    assert found is not None
    assert (found.count, len(found.repositories)) == (8, 8)


async def test_another_reading_of_a_log_takes_the_failure_out_of_the_old_pattern(database: Database) -> None:
    await red(database, 1)
    await red(database, 1, fingerprint="f2")
    async with database.read() as conn:
        assert await patterns.pattern(conn, 1, "f1") is None
        assert (await patterns.pattern(conn, 1, "f2")) is not None


async def test_a_muted_pattern_stays_muted_when_it_comes_again(database: Database) -> None:
    await database.write(lambda tx: patterns.set_muted(tx, 1, "f1", muted=True))
    await red(database, 1)
    async with database.read() as conn:
        found = await patterns.pattern(conn, 1, "f1")
    assert found is not None
    assert (found.muted, found.count) == (True, 1)


# Effects and issues


async def test_an_effect_is_fresh_once_and_keeps_its_result(database: Database) -> None:
    async def intend() -> object:
        return await database.write(lambda tx: effects.intend(tx, key="k", kind="issue", repo_id=REPO, now=1))

    first, second = await intend(), await intend()
    assert (first.fresh, first.state, second.fresh) == (True, "intent", False)  # type: ignore[attr-defined]
    await database.write(lambda tx: effects.done(tx, "k", external_id="7", url="u", body_hash="h", now=2))
    async with database.read() as conn:
        found = await effects.find(conn, "k")
    assert found is not None
    assert (found.state, found.external_id, found.fresh) == ("done", "7", False)
    await database.write(lambda tx: effects.forget(tx, "k"))
    async with database.read() as conn:
        assert await effects.find(conn, "k") is None


async def test_an_effect_that_was_never_intended_cannot_be_done(database: Database) -> None:
    with pytest.raises(LookupError, match="never intended"):
        await database.write(lambda tx: effects.done(tx, "k", external_id="", url="", body_hash="", now=2))


async def test_issues_are_found_by_failure_and_number(database: Database) -> None:
    old = Issue(repo_id=REPO, fingerprint="f1", number=1, state="closed", opened_at=10, closed_at=20, url="u1")
    new = replace(old, number=2, state="open", opened_at=30, closed_at=None)
    for issue in (old, new, new):
        await database.write(lambda tx, issue=issue: issues.save(tx, issue))  # type: ignore[misc]
    async with database.read() as conn:
        assert await issues.newest(conn, REPO, "f1") == new
        assert await issues.by_number(conn, REPO, 1) == old
        assert await issues.by_number(conn, REPO, 3) is None
        assert await issues.opened_since(conn, REPO, 11) == 1
        assert await issues.open_issues(conn, REPO) == [new]
    assert await database.write(lambda tx: issues.set_state(tx, REPO, 2, "closed", 40))
    assert not await database.write(lambda tx: issues.set_state(tx, REPO, 3, "closed", 40))
    async with database.read() as conn:
        assert await issues.open_issues(conn, REPO) == []


# Health


async def measure(database: Database, **narrowed: object) -> Health:
    async with database.read() as conn:
        return await health(conn, since=START, until=START + 10**6, time_range="24h", **narrowed)  # type: ignore[arg-type]


async def test_health_counts_the_latest_attempt_of_runs_that_count(database: Database) -> None:
    await red(database, 1)
    await green(database, 1, 2)
    await green(database, 2)
    await red(database, 3)
    for number, conclusion in enumerate(("cancelled", "skipped", "neutral", None), 4):
        await learn(database, make_run(number, conclusion=conclusion))
    found = await measure(database, repo_id=REPO, repository="acme/shop")
    assert (found.total_runs, found.successful_runs, found.failed_runs) == (3, 2, 1)
    assert (found.success_rate, found.health_score) == (66.7, "poor")
    assert (found.average_duration_minutes, found.repository) == (0.5, "acme/shop")
    assert (await measure(database, installation_id=2)).total_runs == 0


async def test_health_without_runs_is_unknown(database: Database) -> None:
    found = await measure(database)
    assert (found.success_rate, found.total_runs, found.health_score) == (None, 0, "unknown")


@pytest.mark.parametrize(
    ("good", "bad", "word"), [(19, 1, "excellent"), (17, 3, "good"), (14, 6, "fair"), (13, 7, "poor")]
)
async def test_health_has_a_word_for_the_rate(database: Database, good: int, bad: int, word: str) -> None:
    for number in range(good + bad):
        run = make_run(number + 1, conclusion="success" if number < good else "timed_out")
        await learn(database, run)
    assert (await measure(database)).health_score == word


async def test_health_is_read_from_covering_indices(database: Database) -> None:
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL plans an empty table without any index")

    async def explain(conn: AsyncConnection, **narrowed: object) -> str:
        asked: list[tuple[object, ...]] = []
        assert conn.sync_connection is not None
        event.listen(conn.sync_connection, "before_cursor_execute", lambda *call: asked.append(call))
        await health(conn, since=1, until=2, time_range="24h", **narrowed)  # type: ignore[arg-type]
        _, _, statement, values, *_ = asked[0]
        return str((await conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)).all())  # type: ignore[arg-type]

    async with database.read() as conn:
        assert "COVERING INDEX ix_runs_repo_window" in await explain(conn, repo_id=1)
    async with database.read() as conn:
        assert "COVERING INDEX ix_runs_installation_window" in await explain(conn, installation_id=1)
