"""Servers without workers and workers without servers over one real PostgreSQL, as on several machines.

    python -m tests.benchmarks.several_machines [--servers 2] [--workers 1 2 4] [--deliveries 2000] [--pooled]

Prints a Markdown table: deliveries acknowledged a second while nobody works, and units of work done a second while
nobody delivers. Everything shares this machine's cores, the stand-in GitHub included. `--pooled` puts PgBouncer
between.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import aiohttp

from tests.benchmarks.gun import load_average, saturate, waiting
from tests.benchmarks.traffic import Surroundings, surroundings
from tests.end_to_end.processes import Program, buried, free_port
from tests.pgbouncer import pgbouncer
from tests.postgres import postgres_server

CONNECTIONS = 64


def say(text: str) -> None:
    """A line on stdout at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def servers(around: Surroundings, number: int) -> tuple[list[Program], list[str]]:
    """So many servers without workers, listening; and their addresses."""
    ports = [free_port() for _ in range(number)]
    programs = [
        await Program.start(
            "serve", "--no-worker", environment={**around.environment, "PORT": str(port)}, folder=around.folder
        )
        for port in ports
    ]
    for program in programs:
        await program.said("listening on")
    return programs, [f"http://127.0.0.1:{port}" for port in ports]


async def worked_off(address: str, workers: list[Program]) -> tuple[int, float, int]:
    """How much was done in how many seconds from the first unit on, so that starting does not count; and what died."""
    async with aiohttp.ClientSession() as session:
        before = await waiting(session, address)
        most = before["ready"]
        now = before
        while now["ready"] == most and not now["running"]:
            await asyncio.sleep(0.02)
            now = await waiting(session, address)
        started, most = time.perf_counter(), now["ready"] + now["running"]
        while now["ready"] or now["running"]:
            await asyncio.sleep(0.1)
            now = await waiting(session, address)
            if not all(worker.alive for worker in workers):
                raise RuntimeError("a worker ended: " + "".join(worker.output[-2000:] for worker in workers))
        return most - now["dead"], time.perf_counter() - started, now["dead"]


async def measured(url: str, workers: int, arguments: argparse.Namespace) -> None:
    """One row of the table."""
    with tempfile.TemporaryDirectory() as name:
        async with surroundings(Path(name), url, failures=arguments.failures) as around:
            running, addresses = await servers(around, arguments.servers)
            try:
                parcels = list(islice(around.traffic.parcels(), arguments.deliveries))
                hooks = [f"{address}/webhook" for address in addresses]
                seen = await saturate(hooks, parcels, connections=CONNECTIONS)
                working = [
                    await Program.start("worker", environment=around.environment, folder=around.folder)
                    for _ in range(workers)
                ]
                running += working
                done, seconds, dead = await worked_off(addresses[0], working)
            finally:
                await buried(running)
            say(
                f"| {arguments.servers} | {workers} | {seen.rate:.0f} | {seen.at(0.99):.0f} | {done / seconds:.0f} "
                f"| {done} | {seen.lost} | {dead} | {load_average()} |"
            )


def main(arguments: argparse.Namespace) -> None:
    """A fresh database for each number of workers."""
    say("| servers | workers | acknowledged/s | p99, ms | done/s | units | not acknowledged | dead | load |")
    say("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    with postgres_server() as postgres:

        async def one(workers: int) -> None:
            async with postgres.database(migrated=True) as direct:
                with ExitStack() as stack:
                    pooled = arguments.pooled and stack.enter_context(pgbouncer(direct, port=free_port(), pool=8))
                    await measured(pooled or direct, workers, arguments)

        for workers in arguments.workers:
            asyncio.run(one(workers))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--deliveries", type=int, default=2000)
    parser.add_argument("--failures", type=float, default=0.02)
    parser.add_argument("--pooled", action="store_true")
    main(parser.parse_args())
