"""How long the reading commands take on a database of many runs, beside the query one would write first.

    python -m tests.benchmarks.dashboards [--runs 10000 100000 1000000] [--engines sqlite postgresql]

Ninety days of runs in 400 repositories of three installations; a few repositories have most of them, a fifth fails.
Prints a Markdown table of medians in milliseconds; `naive` counts the rows themselves, without rollups.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Table, case, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.dashboard import PipelineDashboard, Question
from storage import rollups
from storage.database import Database
from storage.merging import COUNTED
from storage.scopes import Scope
from storage.tables import failure_patterns, pattern_repositories, pipeline_failures, pipeline_jobs, pipeline_runs
from storage.tables import repositories as repository_table
from storage.windows import DAY, Window
from tests.factories import NOW
from tests.postgres import postgres_server

REPOSITORIES, INSTALLATIONS, DAYS = 400, 3, 90
CATEGORIES = ("testing", "testing", "testing", "linting", "build", "dependency", "infrastructure", "timeout")
SEVERITIES = ("medium", "high", "low", "critical")
BATCH = 5_000
ROUNDS = 15
WORKFLOWS = 4

Ask = Callable[[AsyncConnection], Awaitable[object]]
_runs, _failures = pipeline_runs.c, pipeline_failures.c


def the_runs(number: int) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Runs in the order of their completion, some with a failure."""
    chance = random.Random(number)
    weights = [1 / (rank + 3) for rank in range(REPOSITORIES)]
    repos = chance.choices(range(REPOSITORIES), weights, k=number)
    for run_id, repo in enumerate(repos, 1):
        at = NOW - DAYS * DAY + DAYS * DAY * run_id // number
        run = _run(run_id, repo, at, failed=chance.random() < 0.2, took=chance.randint(40, 900))
        failure = None
        if run["conclusion"] == "failure":
            print_id = min(int(chance.expovariate(1 / 60)), 4_000)
            failure = _failure(run, f"v1-{print_id:016x}", chance.choice(CATEGORIES), chance.choice(SEVERITIES))
        yield run, failure


def _run(run_id: int, repo: int, at: int, *, failed: bool, took: int) -> dict[str, Any]:
    return {
        "installation_id": repo % INSTALLATIONS + 1,
        "repo_id": repo + 1,
        "repository": f"org/r{repo}",
        "run_id": run_id,
        "run_attempt": 1,
        "workflow_id": run_id % WORKFLOWS,
        "workflow": f"w{run_id % WORKFLOWS}",
        "event": "push",
        "branch": f"b{run_id % 9}" if run_id % 3 else "main",
        "commit": f"{run_id:040x}",
        "status": "completed",
        "conclusion": "failure" if failed else "success",
        "actor": "ann",
        "title": "A change",
        "created_at": at - took,
        "started_at": at - took,
        "completed_at": at,
        "latest": True,
        "url": f"https://github.com/org/r{repo}/actions/runs/{run_id}",
        "default_branch": not run_id % 3,
    }


def _failure(run: dict[str, Any], fingerprint: str, category: str, severity: str) -> dict[str, Any]:
    shared = ("installation_id", "repo_id", "repository", "run_id", "run_attempt", "workflow_id", "workflow")
    return {
        **{name: run[name] for name in (*shared, "branch", "commit", "url")},
        "job_id": run["run_id"],
        "job": "test",
        "step": "Run tests",
        "category": category,
        "severity": severity,
        "confidence": 0.9,
        "message": f"failure {fingerprint}",
        "excerpt": "E   assert 1 == 2\n" * 12,
        "fingerprint": fingerprint,
        "pattern": fingerprint,
        "detected_at": run["completed_at"],
        "suggestions": ("Run it alone.",),
        "resolved_at": run["completed_at"] + 900 if run["run_id"] % 50 else None,
    }


async def fill(database: Database, number: int) -> None:
    """The runs, then everything that follows from them."""
    repos = [
        {
            "id": each + 1,
            "installation_id": each % INSTALLATIONS + 1,
            "full_name": f"org/r{each}",
            "private": each % 5 == 0,
            "default_branch": "main",
        }
        for each in range(REPOSITORIES)
    ]
    await database.write(lambda tx: tx.execute(insert(repository_table), repos))
    rows: dict[Table, list[dict[str, Any]]] = {pipeline_runs: [], pipeline_failures: [], pipeline_jobs: []}
    for run, failure in the_runs(number):
        rows[pipeline_runs].append(run)
        if failure is not None:
            rows[pipeline_failures].append(failure)
            key = {name: failure[name] for name in ("repo_id", "run_id", "run_attempt", "job_id", "job")}
            times = {name: run[name] for name in ("started_at", "completed_at")}
            rows[pipeline_jobs].append({**key, **times, "conclusion": "failure"})
        if len(rows[pipeline_runs]) == BATCH:
            await _flush(database, rows)
    await _flush(database, rows)
    await _follow(database)


async def _flush(database: Database, rows: dict[Table, list[dict[str, Any]]]) -> None:
    async def one(tx: AsyncConnection) -> None:
        for table, found in rows.items():
            if found:
                await tx.execute(insert(table), found)
                found.clear()

    await database.write(one)


async def _follow(database: Database) -> None:
    key = (_failures.installation_id, _failures.pattern)
    seen = (func.count(), func.min(_failures.detected_at), func.max(_failures.detected_at))
    by_repo = select(*key, _failures.repo_id, *seen).group_by(*key, _failures.repo_id)
    words = (func.max(_failures.category), func.max(_failures.message))
    overall = select(*key, *words, *seen).group_by(*key)
    places = ["installation_id", "fingerprint", "repo_id", "count", "first_seen", "last_seen"]
    pattern = ["installation_id", "fingerprint", "category", "description", "count", "first_seen", "last_seen"]
    await database.write(lambda tx: tx.execute(insert(pattern_repositories).from_select(places, by_repo)))
    await database.write(lambda tx: tx.execute(insert(failure_patterns).from_select(pattern, overall)))
    first = NOW - (DAYS + 1) * DAY
    for installation_id in range(1, INSTALLATIONS + 1):
        await database.write(lambda tx, one=installation_id: rollups.reconcile(tx, one, first, NOW))  # type: ignore[misc]
    await database.write(lambda tx: tx.execute(text("ANALYZE")))


def questions() -> dict[str, tuple[Ask, Ask | None]]:
    """What is asked, with the naive query for the same where one says the same. Repository 1 is the busiest."""
    repo, org, everything = Scope((1,), (1,)), Scope((1,)), Scope(tuple(range(1, INSTALLATIONS + 1)))

    def dashboard(scope: Scope, days: int) -> Ask:
        return lambda conn: PipelineDashboard(conn).dashboard(_question(scope, days))

    def health(scope: Scope, days: int) -> Ask:
        return lambda conn: PipelineDashboard(conn).health(_question(scope, days))

    def patterns(scope: Scope) -> Ask:
        return lambda conn: PipelineDashboard(conn).patterns(scope, NOW, 30)

    return {
        "health, repository, 24 h": (health(repo, 1), _naive_health(repo, 1)),
        "health, repository, 7 d": (health(repo, 7), _naive_health(repo, 7)),
        "health, installation, 30 d": (health(org, 30), _naive_health(org, 30)),
        "health, everything, 30 d": (health(everything, 30), _naive_health(everything, 30)),
        "dashboard, repository, 24 h": (dashboard(repo, 1), None),
        "dashboard, repository, 7 d": (dashboard(repo, 7), None),
        "dashboard, installation, 30 d": (dashboard(org, 30), None),
        "patterns, repository, 30 d": (patterns(repo), _naive_patterns(repo)),
        "patterns, installation, 30 d": (patterns(org), _naive_patterns(org)),
        "flaky, repository": (lambda conn: PipelineDashboard(conn).flaky(repo, NOW), None),
    }


def _question(scope: Scope, days: int) -> Question:
    return Question(scope, None, f"{days}d", Window(NOW - days * DAY, NOW))


def _naive_health(scope: Scope, days: int) -> Ask:
    took = _runs.completed_at - _runs.started_at
    good = func.sum(case((_runs.conclusion == COUNTED[0], 1), else_=0))
    counted = (_runs.conclusion.in_(COUNTED), _runs.completed_at >= NOW - days * DAY)
    query = select(_runs.repo_id, func.count(), good, func.avg(took)).where(scope.within(_runs), *counted)

    async def ask(conn: AsyncConnection) -> object:
        return (await conn.execute(query.group_by(_runs.repo_id))).all()

    return ask


def _naive_patterns(scope: Scope) -> Ask:
    repos = func.count(_failures.repo_id.distinct())
    seen = (func.count(), repos, func.min(_failures.detected_at), func.max(_failures.detected_at))
    query = (
        select(_failures.fingerprint, func.max(_failures.message), *seen)
        .where(scope.within(_failures))
        .group_by(_failures.fingerprint)
        .having(func.count() > 1, func.max(_failures.detected_at) >= NOW - 30 * DAY)
        .order_by(func.count().desc())
    )

    async def ask(conn: AsyncConnection) -> object:
        return (await conn.execute(query)).all()

    return ask


async def measure(database: Database, ask: Ask) -> float:
    """Median milliseconds, the first time left out."""
    took = []
    for _ in range(ROUNDS + 1):
        async with database.read() as conn:
            before = time.perf_counter()
            await ask(conn)
            took.append(1000 * (time.perf_counter() - before))
    return median(took[1:])


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A migrated database."""
    database = await Database.open(url)
    try:
        await database.migrate()
        yield database
    finally:
        await database.close()


async def bench(engine: str, number: int, url: str) -> None:
    """Fills one database and prints its rows of the table."""
    async with opened(url) as database:
        before = time.perf_counter()
        await fill(database, number)
        sys.stderr.write(f"{engine}, {number:,} runs: filled in {time.perf_counter() - before:.0f} s\n")
        for name, (ask, naive) in questions().items():
            ours = await measure(database, ask)
            other = await measure(database, naive) if naive else None
            beside = f"{other:.2f} | {other / ours:.1f}" if other is not None else "|"
            sys.stdout.write(f"| {engine} | {number:,} | {name} | {ours:.2f} | {beside} |\n")
            sys.stdout.flush()


async def _on_postgresql(number: int, server: Any) -> None:
    async with server.database(migrated=True) as url:
        await bench("PostgreSQL", number, url)


def main() -> None:
    """Runs every engine at every size."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--runs", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    given.add_argument("--engines", nargs="+", default=["sqlite", "postgresql"])
    asked = given.parse_args()
    sys.stdout.write(
        "| Engine | Runs | Question | ms | naive, ms | times |\n| --- | ---: | --- | ---: | ---: | ---: |\n"
    )
    for number in asked.runs:
        if "sqlite" in asked.engines:
            with tempfile.TemporaryDirectory() as folder:
                asyncio.run(bench("SQLite", number, f"sqlite:///{Path(folder) / 'pipeline.db'}"))
        if "postgresql" in asked.engines:
            with postgres_server() as server:
                asyncio.run(_on_postgresql(number, server))


if __name__ == "__main__":
    main()
