"""Two tenants who share every name and number that is not GitHub's own: neither changes what the other reads.

Every reading function of `storage` is found by looking, so that a new one must be bound here or named as exempt.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

import storage
from storage import effects, failures, installations, issues, known, runs, scopes, words
from storage.failures import failures_of_run
from storage.known import Known
from storage.model import Correction, Installation, Issue, Mute, Repository, Wake
from storage.rows import values_of
from storage.tables import wakes
from storage.windows import Window
from tests.storage.facts import START, make_failure, make_run
from tests.storage.telling import learn

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.database import Database

NOW = START + 20_000
FOREVER = 2**40

EXEMPT = {
    "backlog.in_reach": "the worker's rounds over all repositories; nothing of it is shown",
    "backlog.known_deliveries": "GitHub's own ids of deliveries, which nobody chooses",
    "backlog.unfinished": "the worker's look-ups over all repositories, each done as its own installation",
    "backlog.work": "a unit of work by its key, which names the installation or repository",
    "dashboards.health": "without a repository or installation it is the operator's own view; bound below",
    "dashboards.names": "names of repositories already found",
    "effects.find": "by its key, which names the repository",
    "inbox_admin.census": "the operator's view of the queue",
    "inbox_admin.list_jobs": "the operator's view of the queue",
    "inbox_admin.next_due_ms": "the operator's view of the queue",
    "installations.names": "names of repositories already found",
    "installations.newest_name": "the operator's proposal for an example",
    "installations.repository_named": "by a full name, which is unique; callers hold its installation against theirs",
    "migrate.is_current": "tables, no rows",
    "rejudging.judged_otherwise": "the operator's own reading of everything, for the command line",
    "recovery.failed_jobs": "takes the condition; its callers in this package bind it",
    "recovery.successes": "takes the condition; its callers in this package bind it",
    "digests.active": "the clock's round over all repositories; each is told of itself alone",
    "schedules.named": "a schedule's name names whose it is",
    "schedules.next_at": "a schedule's name names whose it is",
    "schedules.overdue": "a schedule's name names whose it is",
    "schedules.reached": "a schedule's name names whose it is",
    "spread.spreads": "the clock's round over all installations, each counted for itself",
    "scopes.everything": "the operator's own view, for the command line",
}


class Tenant:
    """An installation with a private and a public repository, in which the same things happened."""

    def __init__(self, number: int) -> None:
        self.installation = number
        self.name = f"tenant{number}"
        self.repos = [
            Repository(
                id=100 * number + at,
                installation_id=number,
                full_name=f"{self.name}/{name}",
                private=at == 0,
                default_branch="main",
            )
            for at, name in enumerate(("shop", "site", "docs"))
        ]

    async def live(self, database: Database) -> None:
        """What a repository goes through, the same ids and names for every tenant."""
        account = Installation(id=self.installation, account=self.name, account_type="Organization")
        await database.write(lambda tx: installations.save_installation(tx, account))
        await database.write(lambda tx: installations.save_repositories(tx, self.repos))
        for repo in self.repos:
            await self._runs(database, repo)
        await self._words(database, self.repos[0])

    async def _runs(self, database: Database, repo: Repository) -> None:
        its: dict[str, Any] = {
            "installation_id": self.installation,
            "repo_id": repo.id,
            "repository": repo.full_name,
            "default_branch": True,
        }
        for run_id in (1, 3):
            run = make_run(run_id, **its)
            failed = make_failure(run, message=f"test_a of {self.name} failed")
            lint = make_failure(run, "lint", "f2")
            learnt = await learn(database, run, failed, lint, green=("build",))
            await database.write(lambda tx, learnt=learnt: failures.mark_crossed(tx, learnt.failures))  # type: ignore[misc]
        run = make_run(1, 2, **its)
        await learn(database, run, make_failure(run), green=("lint",))
        await learn(database, make_run(2, conclusion="success", **its), green=("test", "lint", "build"))
        await learn(database, make_run(4, conclusion=None, **its))
        # Only its end is known: nobody has read its jobs.
        await database.write(lambda tx: runs.record(tx, make_run(6, **its)))
        branch = its | {"branch": "feature", "pull_request": 5, "default_branch": False}
        run = make_run(5, event="pull_request", **branch)
        await learn(database, run, make_failure(run))
        await learn(database, make_run(8, conclusion="success", event="pull_request", **branch), green=("test",))
        run = make_run(7, **its)
        await learn(database, run, make_failure(run))

    async def _words(self, database: Database, repo: Repository) -> None:
        issue = Issue(
            repo_id=repo.id, fingerprint="f1", number=12, state="open", opened_at=NOW, closed_at=None,
            url=f"https://github.test/{repo.full_name}/issues/12", effect_key="key",
        )  # fmt: skip
        await database.write(lambda tx: issues.save(tx, issue))
        mute = Mute(
            repo_id=repo.id, installation_id=self.installation, fingerprint="f2", until=None, reason=self.name,
            by=self.name, at=NOW,
        )  # fmt: skip
        await database.write(lambda tx: words.mute(tx, mute))
        taught = Known(
            repo_id=repo.id, id="1a2b3c", installation_id=self.installation, pattern="gave up", category="build",
            state="counts", by=self.name, at=START, issue_number=12, confirmed_by=self.name, confirmed_at=START,
        )  # fmt: skip
        await database.write(lambda tx: known.save(tx, taught))
        wake = Wake(
            repo_id=repo.id, installation_id=self.installation, fingerprint="f1", at=NOW, cause="rate", count=5,
            before=1.0, branch="main", by=self.name, muted_at=START, run_id=1, run_attempt=1,
        )  # fmt: skip
        await database.write(lambda tx: tx.execute(insert(wakes).values(values_of(wake))))
        word = Correction(
            repo_id=repo.id, fingerprint="f1", category="building", was="testing", rule="r", by=self.name, at=NOW
        )
        await database.write(lambda tx: words.correct(tx, word))
        key = effects.check_run_key(repo.id, "c1")
        await database.write(lambda tx: effects.intend(tx, key=key, kind="check", repo_id=repo.id, now=NOW))

    async def arguments(self, conn: AsyncConnection) -> dict[str, Any]:
        """What this tenant's readers ask with, by the name of the parameter."""
        repo = self.repos[0]
        [failure, *_] = await failures_of_run(conn, repo.id, 3, 1)
        return {
            "repo_id": repo.id, "repo": repo, "repository": repo.full_name, "installation_id": self.installation,
            "fingerprint": "f1", "pattern": "f1", "fingerprints": ["f1", "f2"], "commit": "c1", "branch": "main",
            "workflow_id": 7, "run_id": 1, "run_ids": [1, 2, 3, 4, 5], "attempt": 1, "job_id": None,
            "pull_request": None, "number": 12, "effect_key": "key", "kind": "check", "but": "",
            "keys": [(failure.run_id, failure.run_attempt, failure.job_id)], "gone_branches": frozenset(),
            "failure": failure, "found": [failure], "run": make_run(3, repo_id=repo.id, repository=repo.full_name,
                                                                    installation_id=self.installation),
            "runs": [make_run(4, conclusion=None, repo_id=repo.id, installation_id=self.installation)],
            "scope": scopes.Scope((self.installation,)), "window": Window(START, NOW), "time_range": "24h",
            "since": START, "until": FOREVER, "now": NOW, "seconds": 86_400, "limit": 100, "most": 100, "least": 1,
            "newest": FOREVER, "below": None,
        }  # fmt: skip


def readers() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function of `storage` whose first parameter is a connection to read from."""
    for found in pkgutil.iter_modules(storage.__path__):
        module = importlib.import_module(f"storage.{found.name}")
        for name, function in vars(module).items():
            if name.startswith("_") or getattr(function, "__module__", "") != module.__name__:
                continue
            if not (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)):
                continue
            if next(iter(inspect.signature(function).parameters), "") in {"conn", "connection"}:
                yield f"{found.name}.{name}", function


ALL = dict(readers())
BOUND = [*sorted(set(ALL) - set(EXEMPT)), "dashboards.health"]


async def answers(database: Database, tenant: Tenant) -> dict[str, str]:
    """What the tenant is told by each bound reader, as text."""
    said = {}
    for name in BOUND:
        async with database.read() as conn:
            given = await tenant.arguments(conn)
            wanted = list(inspect.signature(ALL[name]).parameters.values())[1:]
            lacking = [parameter.name for parameter in wanted if parameter.name not in given]
            assert lacking == [], f"{name} asks for {lacking}: bind it to a tenant here, or say why it is exempt"
            places = [given[p.name] for p in wanted if p.kind is not p.KEYWORD_ONLY]
            names = {p.name: given[p.name] for p in wanted if p.kind is p.KEYWORD_ONLY}
            said[name] = repr(await _whole(ALL[name](conn, *places, **names)))
    return said


async def _whole(answer: Any) -> Any:
    if isinstance(answer, AsyncIterator):
        return [each async for each in answer]
    return await answer


def test_every_exemption_is_a_function_that_exists() -> None:
    assert set(EXEMPT) <= set(ALL)
    assert len(ALL) > 50


async def test_nothing_a_tenant_reads_depends_on_another_tenant(database: Database) -> None:
    one, two = Tenant(1), Tenant(2)
    await one.live(database)
    alone = await answers(database, one)
    await two.live(database)
    beside = await answers(database, one)
    assert {name: beside[name] for name in BOUND if beside[name] != alone[name]} == {}
    told = await answers(database, two)
    assert {name: text for name, text in told.items() if "tenant1" in text} == {}
    assert {name: text for name, text in beside.items() if "tenant2" in text} == {}


TOO_SHORT = {"digests.mended", "digests.slower", "spread.goes_on"}
"""They say nothing of a history as short as this; their own tests make them speak."""
NOTHING = {"[]", "()", "{}", "set()", "frozenset()", "None", "0", "False"}


async def test_the_walk_finds_something_to_read(database: Database) -> None:
    one = Tenant(1)
    await one.live(database)
    empty = sorted(name for name, text in (await answers(database, one)).items() if text in NOTHING)
    assert set(empty) <= TOO_SHORT


@pytest.mark.parametrize("private", [True, False])
async def test_readers_of_a_repository_see_no_private_one_beside_it(database: Database, private: bool) -> None:
    one = Tenant(1)
    await one.live(database)
    async with database.read() as conn:
        scope = await scopes.visible_from(conn, one.repos[0 if private else 1])
    assert (one.repos[0].id in (scope.repo_ids or ())) is private
