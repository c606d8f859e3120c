"""`pipeline replay`: saved deliveries, worked off alone or by the server that has the database."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from bot.demo import deliveries
from bot.demo.webhooks import Delivery
from tests.end_to_end.processes import ROOT
from tests.end_to_end.world import World, opened

pytestmark = pytest.mark.slow


def saved(folder: Path, *found: Delivery) -> str:
    path = folder / "deliveries.json"
    rows = [{"event": each.event, "delivery": each.guid, "payload": each.payload} for each in found]
    path.write_text(json.dumps(rows[0] if len(rows) == 1 else rows))
    return str(path)


async def replayed(world: World, folder: Path, *files: str, database: str) -> tuple[int, str]:
    """Run it as a child process; exit code and everything it said."""
    [app] = [app for app in world.state.apps.values() if app.private_key_pem]
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(ROOT),
        "GITHUB_APP_ID": str(app.id),
        "GITHUB_PRIVATE_KEY": app.private_key_pem,
        "GITHUB_API_URL": world.github.api_url,
        "DATABASE_URL": database,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "replay",
        *files,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_a_saved_delivery_takes_the_servers_path(world: World, tmp_path: Path) -> None:
    run = world.run()
    world.job(run)
    delivery = deliveries.workflow_run(world.state, run)
    own = f"sqlite:///{tmp_path / 'own.db'}"
    code, said = await replayed(world, tmp_path, saved(tmp_path, delivery), database=own)
    assert code == 0, said
    assert f"{delivery.guid} workflow_run: accepted" in said
    assert len(world.check_runs) == 1
    assert len(world.issues) == 1
    code, said = await replayed(world, tmp_path, saved(tmp_path, delivery), database=own)
    assert (code, "known already" in said) == (0, True)


async def test_a_running_server_gets_the_work(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    async with opened(tmp_path, url) as world:
        run = world.run()
        world.job(run)
        delivery = deliveries.workflow_run(world.state, run)
        code, said = await replayed(world, tmp_path, saved(tmp_path, delivery), database=url)
        assert code == 0, said
        assert "handed to the running server" in said
        world.sent.append(delivery.guid)
        assert await world.settled() == {}
        assert len(world.check_runs) == 1


async def test_what_ends_dead_is_told_with_exit_code_1(world: World, tmp_path: Path) -> None:
    run = world.run("success")
    good = deliveries.workflow_run(world.state, run)
    bad = Delivery("workflow_run", {**good.payload, "workflow_run": {"id": "x"}}, good.app_id)
    code, said = await replayed(world, tmp_path, saved(tmp_path, bad, good), database=f"sqlite:///{tmp_path}/own.db")
    assert code == 1
    assert f"delivery {bad.guid} ended dead" in said


async def test_a_file_that_is_no_delivery_is_told(world: World, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"hello": 1}')
    code, said = await replayed(world, tmp_path, "other.json", "missing.json", database=f"sqlite:///{tmp_path}/own.db")
    assert code == 1
    assert "other.json: not a saved delivery" in said
    assert "missing.json: No such file" in said
