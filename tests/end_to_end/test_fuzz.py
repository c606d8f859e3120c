"""Real payloads made wrong in thousands of ways: never a 500, nothing kept that is not ours, and nobody the worse.

FUZZ_CASES and FUZZ_SEED say how many and which; a failure names the seed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.demo import deliveries
from bot.demo.webhooks import Delivery, sign
from bot.router import EVENTS
from storage.database import Database
from tests.end_to_end.processes import Outside, buried, outside
from tests.end_to_end.world import PYTEST_LOG, REPO, SECRET
from tests.tools.mutations import Case, cases
from tests.tools.webhook_examples import webhook_examples

pytestmark = pytest.mark.slow

CASES = int(os.environ.get("FUZZ_CASES", "2000"))
SEED = int(os.environ.get("FUZZ_SEED", "7"))
OTHER_EVENTS = ("workflow_job", "push", "pull_request", "star", "ping")
ANSWERS = {202, 400, 401, 403, 415}
AT_ONCE = 16
MOST_GROWTH = 48 * 2**20
"""Bytes that the process may be larger at the end than after the first quarter."""


def payloads(around: Outside) -> list[tuple[str, dict[str, Any]]]:
    """What GitHub published of every event we handle and some that we do not, and what the stand-in sends."""
    found = [(event, example) for event in (*EVENTS, *OTHER_EVENTS) for example in webhook_examples(event)]
    run = around.state.add_run(REPO)
    around.state.add_job(run, log=PYTEST_LOG)
    own = deliveries.workflow_run(around.state, run)
    return [*found, *[(own.event, own.payload)] * (len(found) // 10)]


async def shoot(around: Outside, case: Case, number: int) -> tuple[int, str]:
    """Send one case; its status and the bytes as they would be kept."""
    app = int(around.environment["GITHUB_APP_ID"])
    headers = sign(SECRET, case.body, Delivery(case.event, {}, app_id=app, guid=f"fuzz-{number}"))
    headers |= case.headers
    async with around.session.post(f"{around.url}/webhook", data=case.body, headers=headers) as answer:
        return answer.status, await answer.text()


async def resident(around: Outside) -> int:
    """The server's memory in bytes, as the kernel says of the process that has the port."""
    async with around.session.get(f"{around.url}/metrics") as answer:
        await answer.read()
    return _resident_of(around.environment["DATABASE_URL"].removeprefix("sqlite:///"))


def _resident_of(database: str) -> int:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            names = {str(link.readlink()) for link in (entry / "fd").iterdir()}
            if database in names:
                status = (entry / "status").read_text()
                return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024  # type: ignore[index]
        except OSError:
            continue
    pytest.skip("no /proc to measure memory in")


@dataclass
class Shot:
    """What was sent, and how it was answered."""

    seen: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    sent: dict[str, bytes] = field(default_factory=dict)
    """Digests of bodies by guid, of what went out with its usual headers."""


async def volley(around: Outside, batch: Iterator[tuple[int, Case]], shot: Shot) -> None:
    """One of the senders: as long as there are cases."""
    for number, case in batch:
        if not case.headers:
            shot.sent[f"fuzz-{number}"] = sha256(case.body).digest()
        try:
            status, text = await shoot(around, case, number)
        except (aiohttp.ClientError, ValueError) as error:
            status, text = 0, repr(error)
        shot.seen[status] += 1
        if status not in ANSWERS and not (status == 0 and case.headers):
            shot.wrong.append(f"case {number} of seed {SEED}: {status} {text[:100]} {case.headers} {case.body[:300]!r}")


async def kept(url: str) -> list[tuple[str, str, bytes]]:
    """Guid, event and body of everything that was stored."""
    database = await Database.open(url)
    try:
        async with database.read() as conn:
            rows = await conn.exec_driver_sql("SELECT guid, event, body FROM deliveries")
            return [(row[0], row[1], zlib.decompress(row[2])) for row in rows]
    finally:
        await database.close()


@pytest.mark.timeout(1800)
async def test_payloads_made_wrong_are_refused_or_kept_and_never_break_the_server(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    async with AsyncExitStack() as stack:
        around = await stack.enter_async_context(outside(tmp_path, url))
        numbered = enumerate(cases(payloads(around), CASES, SEED))
        server, senders = await around.serve("--no-worker"), range(AT_ONCE)
        try:
            # A connection of its own each: one that a wrong request spoilt is closed, and must not spoil the next.
            around.session = await stack.enter_async_context(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
            )
            shot = Shot()
            await asyncio.gather(*(volley(around, islice(numbered, CASES // 4 // AT_ONCE), shot) for _ in senders))
            before = await resident(around)
            await asyncio.gather(*(volley(around, numbered, shot) for _ in senders))
            grown = await resident(around) - before
            print(f"{CASES} cases, seed {SEED}: {dict(shot.seen)}, {grown / 2**20:.1f} MiB more")  # noqa: T201
            async with around.session.get(f"{around.url}/readyz") as answer:
                assert answer.status == 200
        finally:
            await buried([server])
        assert shot.wrong == []
        assert grown < MOST_GROWTH
        assert shot.seen[202] > CASES // 4
        stored = await kept(url)
        assert len(stored) > CASES // 10
        for guid, event, body in stored:
            assert event in EVENTS
            assert isinstance(json.loads(body), dict)
            assert shot.sent.get(guid, b"") in {b"", sha256(body).digest()}


async def test_the_worker_does_or_buries_whatever_the_door_let_in(tmp_path: Path) -> None:
    async with outside(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}") as around:
        chosen = random.Random(SEED).sample(list(cases(payloads(around), CASES, SEED)), min(CASES, 300))
        server = await around.serve()
        try:
            for number, case in enumerate(chosen):
                await shoot(around, case, number)
            await _worked_off_or_put_back(around)
            assert "Traceback" not in server.output
            assert server.alive
        finally:
            await buried([server])


async def _worked_off_or_put_back(around: Outside) -> None:
    """Until nothing runs and nothing is due."""
    async with asyncio.timeout(60):
        while True:
            async with around.session.get(f"{around.url}/metrics") as answer:
                text = await answer.text()
            oldest = re.search(r"^pipeline_inbox_oldest_seconds ([\d.]+)", text, re.MULTILINE)
            running = (await around.inbox())["running"]
            if not running and oldest is not None and float(oldest[1]) == 0:
                return
            await asyncio.sleep(0.1)
