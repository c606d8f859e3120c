"""`pipeline inbox`: alone, beside the server that has the database, and on PostgreSQL."""

from __future__ import annotations

import json
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.demo import deliveries
from bot.demo.webhooks import Delivery
from storage import inbox_admin, installations
from storage.database import Database
from storage.inbox_accept import Acceptor
from storage.lock import SoleProcess
from storage.model import NewDelivery, Repository
from tests.end_to_end.processes import Program
from tests.end_to_end.world import REPO, World, opened

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def pipeline(folder: Path, url: str, *arguments: str) -> tuple[int, str]:
    """Run it as a child process with that database; exit code and what it said."""
    program = await Program.start(*arguments, environment={"DATABASE_URL": url}, folder=folder)
    return await program.ended(), program.output


@asynccontextmanager
async def with_dead_work(url: str) -> AsyncIterator[Database]:
    """A database with one dead delivery (id 1) of octo/app, one waiting (2) and no server."""
    database = await Database.open(url)
    await database.migrate()
    octo = Repository(id=7, installation_id=1, full_name=REPO, default_branch="main", private=False)
    await database.write(lambda tx: installations.save_repositories(tx, [octo]))
    accept = Acceptor(database).accept
    now_ms = int(time.time() * 1000)
    for guid, lane, age in (("dead-guid", "repo:7", 7200), ("other-guid", None, 60)):
        await accept(
            NewDelivery(
                guid=guid,
                event="workflow_run",
                action="completed",
                installation_id=1,
                repo_id=7,
                lane=lane,
                body=b"{}",
                received_at_ms=now_ms - age * 1000,
            )
        )
    await database.write(
        lambda tx: tx.exec_driver_sql(
            "UPDATE jobs SET state = 2, attempts = 8, last_error = 'GitHub answered\n403' WHERE guid = 'dead-guid'"
        )
    )
    yield database
    await database.close()


async def states(database: Database) -> dict[int, str]:
    async with database.read() as conn:
        return {job.id: job.state for job in await inbox_admin.list_jobs(conn, None, 10)}


async def test_the_list_says_what_died_where_and_why(database_url: str, tmp_path: Path) -> None:
    async with with_dead_work(database_url):
        code, said = await pipeline(tmp_path, database_url, "inbox", "list", "--state", "dead")
        assert code == 0, said
        assert "1 waiting, 0 running, 1 dead" in said
        assert "dead     workflow_run.completed  octo/app  8 attempts, 2 h old" in said
        assert "GitHub answered 403" in said
        assert "waiting  workflow_run" not in said


async def test_json_is_one_object_with_every_unit_of_work(database_url: str, tmp_path: Path) -> None:
    async with with_dead_work(database_url):
        code, said = await pipeline(tmp_path, database_url, "inbox", "--format", "json")
        assert code == 0, said
        told = json.loads(said)
        assert (told["waiting"], told["running"], told["dead"]) == (1, 0, 1)
        dead = next(job for job in told["jobs"] if job["state"] == "dead")
        assert dead["repository"] == REPO
        assert dead["delivery"] == "dead-guid"
        assert dead["reason"] == "GitHub answered 403"
        assert dead["age_seconds"] >= 7200


async def test_dead_work_is_revived_and_other_ids_are_told(database_url: str, tmp_path: Path) -> None:
    async with with_dead_work(database_url) as database:
        code, said = await pipeline(tmp_path, database_url, "inbox", "revive", "1", "2", "77")
        assert code == 1
        assert "1: waits again" in said
        assert "2: it is waiting, and only dead work can be revived" in said
        assert "77: there is no such work in the inbox" in said
        assert await states(database) == {1: "waiting", 2: "waiting"}


async def test_work_is_dropped(database_url: str, tmp_path: Path) -> None:
    async with with_dead_work(database_url) as database:
        code, said = await pipeline(tmp_path, database_url, "inbox", "drop", "1")
        assert (code, "1: given up" in said) == (0, True), said
        assert await states(database) == {2: "waiting"}


async def test_the_server_that_has_the_database_revives(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    async with opened(tmp_path, url) as world:
        await a_dead_delivery(world)
        code, said = await pipeline(tmp_path, url, "inbox", "--state", "dead")
        assert code == 0, said
        number = said.split()[6]
        code, said = await pipeline(tmp_path, url, "inbox", "revive", number)
        assert code == 0, said
        assert "done by the running server" in said
        code, said = await pipeline(tmp_path, url, "inbox", "drop", "9999")
        assert (code, "9999: there is no such work" in said) == (1, True), said


async def a_dead_delivery(world: World) -> None:
    good = deliveries.workflow_run(world.state, world.run("success"))
    bad = Delivery("workflow_run", {**good.payload, "workflow_run": {"id": "x"}}, good.app_id)
    assert await world.send(bad) == 202
    assert bad.guid in await world.settled()


async def test_a_lock_without_a_server_is_one_clear_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    async with with_dead_work(url):
        with SoleProcess(tmp_path / "pipeline.db"):
            code, said = await pipeline(tmp_path, url, "inbox", "revive", "1")
    assert code == 1
    assert len(said.strip().splitlines()) == 1
    assert "is in use, and its server cannot be reached" in said


async def test_no_database_is_an_empty_inbox_and_nothing_to_revive(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'none.db'}"
    code, said = await pipeline(tmp_path, url, "inbox")
    assert (code, "0 waiting, 0 running, 0 dead" in said) == (0, True), said
    code, said = await pipeline(tmp_path, url, "inbox", "revive", "1")
    assert (code, "there is no database" in said) == (1, True), said
    assert not (tmp_path / "none.db").exists()


async def test_a_delivery_that_nobody_can_read_ends_dead_and_dies_again_when_it_is_revived(world: World) -> None:
    run = world.run()
    delivery = deliveries.workflow_run(world.state, run)
    delivery.payload["workflow_run"]["run_attempt"] = "first"
    assert await world.send(delivery) == 202
    [reason] = (await world.settled()).values()
    assert reason.startswith("this workflow_run payload is not as GitHub describes it")
    assert "$.workflow_run.run_attempt" in reason
    async with world.parts.database.read() as conn:
        [dead] = await inbox_admin.list_jobs(conn, "dead", 10)
    assert await world.parts.database.write(lambda tx: inbox_admin.revive(tx, [dead.id], 0)) == [dead.id]
    assert list((await world.settled()).values()) == [reason]
    world.job(run)
    await world.send_run(run)
    assert list((await world.settled()).values()) == [reason]
    assert len(world.check_runs) == 1
