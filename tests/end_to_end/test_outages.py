"""The disk full, the database away or not answering: refused, said so, and well again without anybody's help."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bot.demo import deliveries
from bot.demo.webhooks import Delivery
from tests.end_to_end.processes import Outside, Program, buried, outside
from tests.end_to_end.world import PYTEST_LOG, REPO
from tests.postgres import Cluster, cluster

pytestmark = pytest.mark.slow

PATIENCE = 60


def red(around: Outside) -> Delivery:
    """A run with one failed job."""
    run = around.state.add_run(REPO)
    around.state.add_job(run, log=PYTEST_LOG)
    return deliveries.workflow_run(around.state, run)


async def ready(around: Outside) -> tuple[int, str]:
    """What /readyz says."""
    async with around.session.get(f"{around.url}/readyz") as answer:
        return answer.status, await answer.text()


async def becomes(around: Outside, status: int) -> str:
    """Wait until /readyz answers with that status; its text."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found, text = await ready(around)
            if found == status:
                return text
            await asyncio.sleep(0.1)


async def all_is_well(around: Outside, program: Program, told: list[Delivery]) -> None:
    """The same process takes deliveries again, and each of those that it took has had its effect."""
    assert await becomes(around, 200) == "ready\n"
    for delivery in told:
        assert await around.send(delivery) == 202
    await around.worked_off()
    assert program.alive
    assert len(around.state.check_runs_named(REPO)) == 1
    assert len([one for one in around.state.repository(REPO).issues.values() if "pipeline-failure" in one.labels]) == 1


@contextmanager
def small_disk(folder: Path, size: str = "6m") -> Iterator[Path]:
    """A file system that is soon full."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take every byte that is left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return filler


@pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount")
async def test_a_full_disk_refuses_says_so_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with outside(tmp_path, f"sqlite:///{disk / 'pipeline.db'}") as around:
            program = await around.serve()
            try:
                first, second = red(around), red(around)
                assert await around.send(first) == 202
                await around.worked_off()
                filler = fill(disk)
                assert "disk" in await becomes(around, 503)
                refused = [second, *(red(around) for _ in range(20))]
                assert 503 in [await around.send(delivery) for delivery in refused]
                filler.unlink()
                await all_is_well(around, program, refused)
            finally:
                await buried([program])


@pytest.fixture
def postgres_alone() -> Iterator[Cluster]:
    """A server that is nobody else's, to be stopped and started."""
    with ExitStack() as stack:
        made = stack.enter_context(cluster())
        made.start()
        yield made


@pytest.fixture
async def around_postgres(postgres_alone: Cluster, tmp_path: Path) -> AsyncIterator[Outside]:
    """The surroundings of a program on that server."""
    async with outside(tmp_path, postgres_alone.url) as around:
        yield around


async def test_a_database_that_is_away_is_waited_for(postgres_alone: Cluster, around_postgres: Outside) -> None:
    around = around_postgres
    program = await around.serve()
    try:
        await becomes(around, 200)
        first, second = red(around), red(around)
        assert await around.send(first) == 202
        postgres_alone.stop()
        assert await around.send(second) == 503
        assert "database" in await becomes(around, 503)
        postgres_alone.start()
        await all_is_well(around, program, [second])
    finally:
        await buried([program])


async def test_a_database_that_does_not_answer_in_time_is_a_refusal(
    postgres_alone: Cluster, around_postgres: Outside
) -> None:
    around = around_postgres
    program = await around.serve()
    try:
        await becomes(around, 200)
        delivery = red(around)
        postgres_alone.signal(signal.SIGSTOP)
        started = asyncio.get_running_loop().time()
        assert await around.send(delivery) == 503
        assert asyncio.get_running_loop().time() - started < 10
        assert "does not answer" in await becomes(around, 503)
        postgres_alone.signal(signal.SIGCONT)
        await all_is_well(around, program, [delivery])
    finally:
        postgres_alone.signal(signal.SIGCONT)
        await buried([program])
