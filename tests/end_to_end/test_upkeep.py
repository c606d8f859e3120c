"""`pipeline db backup` and `pipeline db prune`."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from bot.demo import deliveries
from bot.demo.webhooks import Delivery
from storage import runs
from storage.database import Database
from tests.end_to_end.test_inbox import pipeline
from tests.end_to_end.world import REPO, World, opened
from tests.factories import a_run

pytestmark = pytest.mark.slow

DAY = 86_400


async def a_history(url: str) -> None:
    """A run of today and one that is 500 days old."""
    now = int(time.time())
    database = await Database.open(url)
    await database.migrate()
    for number, age in ((1, 0), (2, 500)):
        at = now - age * DAY - 60
        one = a_run(run_id=number, created_at=at, started_at=at, completed_at=at + 1)
        await database.write(lambda tx, one=one: runs.record(tx, one))
    await database.close()


async def test_a_backup_under_load_is_restored_and_whole(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    copy = tmp_path / "copy.db"
    async with opened(tmp_path, url) as world:
        await world.fail()
        load = Load(world)
        before = await load.acknowledged_since_start(20)
        code, said = await pipeline(tmp_path, url, "db", "backup", str(copy))
        after = await load.end()
        assert (code, "MiB" in said) == (0, True), said
    assert len(after) > len(before)
    kept, states = told_by(copy)
    assert before <= kept <= after | set(world.sent)
    (tmp_path / "restored").mkdir()
    restored = tmp_path / "restored" / "pipeline.db"
    copy.rename(restored)
    async with opened(tmp_path / "restored", f"sqlite:///{restored}") as world:
        world.sent = list(kept)
        # What was work in the copy is worked off by whoever takes it up; a green run asks nothing of GitHub.
        assert await world.settled() == {}, states
        code, said = await pipeline(tmp_path, f"sqlite:///{restored}", "health", "--repo", REPO, "--format", "json")
        assert (code, '"failed_runs": 1' in said) == (0, True), said


def told_by(copy: Path) -> tuple[set[str], dict[int, int]]:
    """A database's deliveries and how many jobs are in which state; fails where it is not one consistent state."""
    connection = sqlite3.connect(copy)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        orphans = "SELECT count(*) FROM jobs WHERE guid IS NOT NULL AND guid NOT IN (SELECT guid FROM deliveries)"
        assert connection.execute(orphans).fetchone() == (0,)
        # Counted in the transaction of each run: a copy between two transactions would tell.
        [counted] = connection.execute("SELECT sum(success) FROM run_daily").fetchone()
        assert connection.execute("SELECT count(*) FROM pipeline_runs WHERE conclusion = 'success'").fetchone() == (
            counted,
        )
        guids = {guid for (guid,) in connection.execute("SELECT guid FROM deliveries")}
        return guids, dict(connection.execute("SELECT state, count(*) FROM jobs GROUP BY state"))
    finally:
        connection.close()


class Load:
    """Deliveries of green runs without end."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._acknowledged: set[str] = set()
        self._more = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            runs_now = [self._world.run("success") for _ in range(8)]
            await asyncio.gather(*(self._send(deliveries.workflow_run(self._world.state, one)) for one in runs_now))

    async def _send(self, delivery: Delivery) -> None:
        if await self._world.send(delivery) == 202:
            self._acknowledged.add(delivery.guid)
            self._more.set()

    async def acknowledged_since_start(self, number: int) -> set[str]:
        """Wait for so many; those that were acknowledged by then."""
        while len(self._acknowledged) < number:
            self._more.clear()
            await self._more.wait()
        return set(self._acknowledged)

    async def end(self) -> set[str]:
        """Stop; all that was acknowledged."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return set(self._acknowledged)


async def test_a_backup_overwrites_nothing_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    await a_history(url)
    (tmp_path / "there.db").write_text("precious")
    (tmp_path / "log.db-wal").write_text("of another database")
    for name in ("there.db", "log.db", "missing/x.db", "pipeline.db"):
        code, said = await pipeline(tmp_path, url, "db", "backup", name)
        assert (code, len(said.splitlines())) == (1, 1), said
        assert "no backup was made" in said
    assert (tmp_path / "there.db").read_text() == "precious"


async def test_a_database_of_another_version_can_be_backed_up(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    await a_history(url)
    with sqlite3.connect(tmp_path / "pipeline.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    code, said = await pipeline(tmp_path, url, "db", "backup", "old.db")
    assert (code, (tmp_path / "old.db").exists()) == (0, True), said


async def test_backing_up_postgresql_names_its_own_tool(tmp_path: Path) -> None:
    code, said = await pipeline(tmp_path, "postgresql://nobody@127.0.0.1:1/x", "db", "backup", "copy.db")
    assert (code, "pg_dump" in said, len(said.splitlines())) == (1, True, 1), said


async def test_what_is_too_old_is_forgotten_and_counted(database_url: str, tmp_path: Path) -> None:
    await a_history(database_url)
    code, said = await pipeline(tmp_path, database_url, "db", "prune")
    assert code == 0, said
    assert "older than 400 days" in said
    assert "runs 1," in said
    code, said = await pipeline(tmp_path, database_url, "db", "prune")
    assert (code, "runs 0," in said) == (0, True), said


async def test_the_running_server_forgets_by_the_callers_settings(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    await a_history(url)
    async with opened(tmp_path, url, retention_days=36500):
        code, said = await pipeline(tmp_path, url, "db", "prune")
    assert code == 0, said
    assert "done by the running server" in said
    assert "runs 1," in said
