"""A steady rate of deliveries for minutes, then a burst; what the sender, the memory and the inbox say meanwhile.

    python -m tests.benchmarks.load [--minutes 10] [--rate 200] [--burst 20000] [--failures 0.02] [--database URL]

One `pipeline serve` on SQLite unless a URL is given, a hundred installations, the stand-in GitHub in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import aiohttp

from tests.benchmarks.gun import Seen, load_average, resident, saturate, steadily, waiting
from tests.benchmarks.traffic import Surroundings, surroundings
from tests.end_to_end.processes import Program, free_port

SAMPLE_SECONDS = 10
CONNECTIONS = 64


def say(text: str) -> None:
    """A line on stdout at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def watch(program: Program, address: str, started: float) -> None:
    """Memory and inbox every ten seconds, until cancelled."""
    say("| second | memory, MiB | ready | running | dead | load |\n| ---: | ---: | ---: | ---: | ---: | ---: |")
    async with aiohttp.ClientSession() as session:
        while True:
            now = await waiting(session, address)
            memory = resident(program.pid) / 2**20
            states = " | ".join(str(now.get(state, 0)) for state in ("ready", "running", "dead"))
            say(f"| {time.perf_counter() - started:.0f} | {memory:.0f} | {states} | {load_average()} |")
            await asyncio.sleep(SAMPLE_SECONDS)


async def worked_off(address: str) -> float:
    """Seconds until nothing is ready or running."""
    started = time.perf_counter()
    async with aiohttp.ClientSession() as session:
        while True:
            now = await waiting(session, address)
            if now.get("ready") == now.get("running") == 0:
                return time.perf_counter() - started
            await asyncio.sleep(0.2)


def tell(name: str, seen: Seen) -> None:
    """What the sender saw, in a line."""
    answers = ", ".join(f"{count} × {status}" for status, count in sorted(seen.answers.items()))
    say(
        f"\n{name}: {seen.rate:.0f} acknowledged/s over {seen.seconds:.0f} s ({answers}); "
        f"p50 {seen.at(0.5):.1f} ms, p99 {seen.at(0.99):.1f} ms, worst {seen.at(1.0):.0f} ms"
    )


async def measured(around: Surroundings, arguments: argparse.Namespace) -> None:
    """The steady part, then the burst."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    program = await Program.start("serve", environment={**around.environment, "PORT": str(port)}, folder=around.folder)
    await program.said("listening on")
    watching = asyncio.create_task(watch(program, address, time.perf_counter()))
    try:
        parcels = around.traffic.parcels()
        hook = f"{address}/webhook"
        tell("Steady", await steadily(hook, parcels, rate=arguments.rate, seconds=60 * arguments.minutes))
        say(f"The rest was worked off in {await worked_off(address):.1f} s.")
        if arguments.burst:
            ready = list(islice(parcels, arguments.burst))
            tell("Burst", await saturate([hook], ready, connections=CONNECTIONS))
            say(f"It was worked off {await worked_off(address):.1f} s after the last answer.")
    finally:
        watching.cancel()
        program.kill()
        await program.ended()
        say(program.output[-2000:])


async def main(arguments: argparse.Namespace) -> None:
    """One run in a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        url = arguments.database or f"sqlite:///{name}/pipeline.db"
        async with surroundings(Path(name), url, failures=arguments.failures) as around:
            await measured(around, arguments)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--burst", type=int, default=20_000)
    parser.add_argument("--failures", type=float, default=0.02)
    parser.add_argument("--database", default="")
    asyncio.run(main(parser.parse_args()))
