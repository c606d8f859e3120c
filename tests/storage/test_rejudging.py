"""New verdicts on stored failures: everything that follows from them is as if they had been there from the start."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from storage import failures, issues, patterns, rejudging, rollups, words
from storage.model import Issue, Mute
from storage.rejudging import NewVerdict, Stored
from tests.storage.facts import REPO, START, make_failure, make_run
from tests.storage.telling import learn, stored

if TYPE_CHECKING:
    from storage.database import Database

DAY = 86_400


def new(one: Stored, fingerprint: str = "f2", category: str = "build") -> NewVerdict:
    return NewVerdict(
        key=one.key, was=one.failure.fingerprint, category=category, severity="high", confidence=0.9, rule="gcc-error",
        tool="gcc", message="unknown type", fingerprint=fingerprint, generic=False, path=None, line=None,
        suggestions=(), reasons=(),
    )  # fmt: skip


async def due(database: Database, since: int = 0) -> list[Stored]:
    async with database.read() as conn:
        return [one async for page in rejudging.judged_otherwise(conn, "v2", since) for one in page]


async def test_patterns_retry_counts_and_counts_by_day_follow(database: Database) -> None:
    for number in (1, 2):
        run = make_run(number)
        await learn(database, run, make_failure(run))
    found = await due(database)
    assert len(found) == 2
    assert await database.write(lambda tx: rejudging.apply(tx, [new(one) for one in found], "v2")) == 2
    assert (await stored(database, 2)).retry_count == 1
    async with database.read() as conn:
        known = await patterns.pattern(conn, 1, "f2")
        assert await patterns.pattern(conn, 1, "f1") is None
    assert known is not None
    assert (known.count, known.category) == (2, "build")
    assert await database.write(lambda tx: rollups.reconcile(tx, 1, START - DAY, START + DAY)) == 0
    assert await due(database) == []


async def test_issues_and_mutes_stay_while_the_old_identity_is_still_there(database: Database) -> None:
    for number in (1, 2):
        run = make_run(number)
        await learn(database, run, make_failure(run))
    mute = Mute(repo_id=REPO, installation_id=1, fingerprint="f1", until=None, reason="", by="octocat", at=START)
    issue = Issue(repo_id=REPO, fingerprint="f1", number=4, state="open", opened_at=START, closed_at=None, url="")
    await database.write(lambda tx: words.mute(tx, mute))
    await database.write(lambda tx: issues.save(tx, issue))
    first, second = await due(database)
    for one, owner in ((first, "f1"), (second, "f2")):
        await database.write(lambda tx, one=one: rejudging.apply(tx, [new(one)], "v2"))  # type: ignore[misc]
        async with database.read() as conn:
            assert set(await words.muted(conn, REPO, {"f1", "f2"}, START)) == {owner}
            assert await issues.newest(conn, REPO, owner) is not None
    async with database.read() as conn:
        known = await patterns.pattern(conn, 1, "f2")
        assert await patterns.pattern(conn, 1, "f1") is None
    assert known is not None
    assert known.muted


async def test_what_was_judged_anew_meanwhile_is_left_alone(database: Database) -> None:
    run = make_run(1)
    await learn(database, run, make_failure(run))
    [one] = await due(database)
    verdict = replace(new(one), was="another")
    assert await database.write(lambda tx: rejudging.apply(tx, [verdict], "v2")) == 0
    async with database.read() as conn:
        assert len(await failures.occurrences(conn, REPO, "f1")) == 1


async def test_what_is_the_same_is_marked_and_not_read_again(database: Database) -> None:
    run = make_run(1)
    await learn(database, run, make_failure(run), make_failure(run, "lint", "f3", rule="own/mirror"))
    [one] = await due(database)
    await database.write(lambda tx: rejudging.mark(tx, [one.key], "v2"))
    assert await due(database) == []


async def test_since_leaves_out_what_is_older(database: Database) -> None:
    run = make_run(1)
    await learn(database, run, make_failure(run))
    assert len(await due(database, run.completed_at or 0)) == 1
    assert await due(database, (run.completed_at or 0) + 1) == []
