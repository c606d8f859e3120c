"""Sends parcels to servers and keeps what the sender saw: answers, latencies, memory, how much waits."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import aiohttp

from tests.benchmarks.traffic import Parcel


@dataclass
class Seen:
    """What the sender saw; latencies in seconds."""

    answers: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Acknowledged deliveries a second."""
        return sum(count for status, count in self.answers.items() if 200 <= status < 300) / self.seconds

    @property
    def lost(self) -> int:
        """Deliveries that were not acknowledged."""
        return sum(count for status, count in self.answers.items() if not 200 <= status < 300)

    def at(self, share: float) -> float:
        """The latency that this share of the answers kept below, in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def shoot(session: aiohttp.ClientSession, url: str, parcel: Parcel, seen: Seen, since: float) -> None:
    """Post one and note its answer; 0 where there was none."""
    try:
        async with session.post(url, data=parcel.body, headers=parcel.headers) as answer:
            await answer.read()
            seen.answers[answer.status] += 1
    except (aiohttp.ClientError, TimeoutError):
        seen.answers[0] += 1
    seen.latencies.append(time.perf_counter() - since)


async def saturate(urls: Sequence[str], parcels: Iterable[Parcel], *, connections: int) -> Seen:
    """As fast as so many connections get answers, until there are no more parcels."""
    seen, shared, targets = Seen(), iter(parcels), cycle(urls)
    started = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one(url: str) -> None:
            for parcel in shared:
                await shoot(session, url, parcel, seen, time.perf_counter())

        await asyncio.gather(*(one(next(targets)) for _ in range(connections)))
    seen.seconds = time.perf_counter() - started
    return seen


async def steadily(url: str, parcels: Iterator[Parcel], *, rate: float, seconds: float) -> Seen:
    """At a fixed rate whatever the answers do; a latency counts from when the delivery was due."""
    seen, tasks = Seen(), set[asyncio.Task[None]]()
    started = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        for number in range(int(rate * seconds)):
            due = started + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(shoot(session, url, next(parcels), seen, due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
    seen.seconds = time.perf_counter() - started
    return seen


async def waiting(session: aiohttp.ClientSession, address: str) -> dict[str, int]:
    """Units of work by state, as the server's metrics say."""
    async with session.get(f"{address}/metrics") as answer:
        text = await answer.text()
    found = re.findall(r'^pipeline_inbox_jobs\{state="(\w+)"\} ([\d.e+]+)', text, re.MULTILINE)
    return {state: int(float(count)) for state, count in found}


def resident(pid: int) -> int:
    """Memory of a process and of those it started, in bytes."""
    total = 0
    for folder in (Path(f"/proc/{pid}"), *(Path(f"/proc/{child}") for child in _children(pid))):
        found = re.search(r"VmRSS:\s+(\d+)", (folder / "status").read_text())
        total += int(found[1]) * 1024 if found else 0
    return total


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def load_average() -> str:
    """What else the machine does: the load of the last minute."""
    return Path("/proc/loadavg").read_text().split()[0]
