"""A new fingerprint version: history is read again, and what people said is taken along."""

from __future__ import annotations

from classifiers.fingerprint import fingerprint
from classifiers.model import Category
from storage import failures, history, issues, patterns, relearn, words
from storage.database import Database
from storage.model import Issue, Mute
from tests.storage.facts import REPO, START, make_failure, make_run

MESSAGE = "cannot find crate alpha_tools required by the workspace member"


async def failed(database: Database, run_id: int, identity: str, message: str, **more: object) -> None:
    run = make_run(run_id)
    failure = make_failure(run, fingerprint=identity, message=message, **more)
    await database.write(lambda tx: history.learn(tx, run, (), [failure]))


async def test_old_identities_are_computed_again_and_patterns_follow(database: Database) -> None:
    new = fingerprint(Category.TESTING, MESSAGE)
    await failed(database, 1, "0-aaaaaaaaaaaaaaaa", MESSAGE)
    await failed(database, 2, new, MESSAGE)
    assert await relearn.relearn(database) == 1
    async with database.read() as conn:
        assert len(await failures.occurrences(conn, REPO, new)) == 2
        joined = await patterns.pattern(conn, 1, new)
        assert await patterns.pattern(conn, 1, "0-aaaaaaaaaaaaaaaa") is None
    assert joined is not None
    assert joined.count == 2
    assert await relearn.relearn(database) == 0


async def test_mutes_and_issues_follow_the_identity(database: Database) -> None:
    old, new = "0-aaaaaaaaaaaaaaaa", fingerprint(Category.TESTING, MESSAGE)
    await failed(database, 1, old, MESSAGE)
    mute = Mute(repo_id=REPO, installation_id=1, fingerprint=old, until=None, reason="", by="octocat", at=START)
    issue = Issue(repo_id=REPO, fingerprint=old, number=4, state="open", opened_at=START, closed_at=None, url="")
    await database.write(lambda tx: words.mute(tx, mute))
    await database.write(lambda tx: issues.save(tx, issue))
    await relearn.relearn(database)
    async with database.read() as conn:
        assert set(await words.muted(conn, REPO, {old, new}, START + 1)) == {new}
        kept = await issues.newest(conn, REPO, new)
    assert kept is not None
    assert kept.number == 4


async def test_a_repositorys_own_rule_keeps_its_identity(database: Database) -> None:
    await failed(database, 1, "0-aaaaaaaaaaaaaaaa", MESSAGE, rule="own/flaky-mirror")
    assert await relearn.relearn(database) == 0
