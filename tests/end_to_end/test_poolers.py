"""A pooler in transaction mode between the program and PostgreSQL is recognised, and nothing is lost behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.demo import deliveries
from storage import inbox, inbox_claim
from storage.database import Database
from storage.inbox_accept import Acceptor
from storage.locations import PostgresServer
from tests.end_to_end.processes import Program, buried, free_port, outside
from tests.end_to_end.world import PYTEST_LOG, REPO
from tests.pgbouncer import pgbouncer
from tests.postgres import Postgres
from tests.storage.facts import make_delivery

pytestmark = pytest.mark.slow

IGNORED = "idle_in_transaction_session_timeout"


@pytest.mark.parametrize("more", [{}, {"ignore_startup_parameters": IGNORED}], ids=["refuses", "ignores"])
async def test_a_pooler_is_recognised_whatever_it_does_with_settings_at_the_start(
    postgres: Postgres, more: dict[str, str]
) -> None:
    async with postgres.database(migrated=False) as direct:
        with pgbouncer(direct, port=free_port(), **more) as url:
            opened = [await Database.open(url) for _ in range(3)]
            assert all(isinstance(each.location, PostgresServer) and each.location.pooled for each in opened)
            await asyncio.gather(*(each.migrate() for each in opened))
            acceptors = [Acceptor(each) for each in opened]
            taken = [acceptors[number % 3].accept(make_delivery(f"g{number}", lane=None)) for number in range(90)]
            assert all(await asyncio.gather(*taken))
            done = await asyncio.gather(*(_work_off(each, f"w{at}") for at, each in enumerate(opened)))
            assert sum(done) == 90
            for each in opened:
                await each.close()
        plain = await Database.open(direct)
        assert isinstance(plain.location, PostgresServer)
        assert not plain.location.pooled
        async with plain.read() as conn:
            assert (await conn.execute(text("SELECT count(*) FROM jobs"))).scalar_one() == 0
        await plain.close()


async def _work_off(database: Database, owner: str) -> int:
    done = 0
    while jobs := await inbox_claim.claim(database, owner=owner, now_ms=10_000, lease_ms=60_000, limit=4):
        for job in jobs:
            await database.write(lambda tx, job=job: inbox.complete(tx, job))  # type: ignore[misc]
            done += 1
    return done


async def test_server_and_workers_do_their_work_behind_a_pooler(postgres: Postgres, tmp_path: Path) -> None:
    async with postgres.database(migrated=False) as direct:
        with pgbouncer(direct, port=free_port(), pool=3) as url:
            async with outside(tmp_path, url) as around:
                server = await around.serve("--no-worker")
                workers: list[Program] = []
                try:
                    for _ in range(3):
                        run = around.state.add_run(REPO)
                        around.state.add_job(run, log=PYTEST_LOG)
                        assert await around.send(deliveries.workflow_run(around.state, run)) == 202
                    workers = [await around.start("worker") for _ in range(2)]
                    assert (await around.worked_off())["dead"] == 0
                finally:
                    await buried([server, *workers])
                ours = [
                    one for one in around.state.repository(REPO).issues.values() if "pipeline-failure" in one.labels
                ]
                assert len(ours) == 1
