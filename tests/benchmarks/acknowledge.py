"""How fast a delivery is acknowledged: ours after its durable write, Probot's without one, side by side in one run.

    python -m tests.benchmarks.acknowledge [--rounds 3] [--deliveries 2000] [--rate 100] [--seconds 10]

Probot comes from npm into a folder of this run (`--probot FOLDER` uses one that is there) and has one handler, which
does nothing. Ours is `pipeline serve --no-worker` on SQLite. Both verify the signature of the same kind of payload, a
run that goes on, which ours stores with its unit of work. The two take turns; shown are medians over the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from statistics import median

import aiohttp

from tests.benchmarks.gun import Seen, load_average, resident, saturate, steadily
from tests.benchmarks.traffic import GOING_ON, SECRET, Parcel, Surroundings, surroundings
from tests.end_to_end.processes import Program, free_port

PROBOT = "probot@14.3.2"
CONNECTIONS = 64
SERVER = """
import { Probot, Server } from "probot";
const { PORT, APP_ID, WEBHOOK_SECRET, PRIVATE_KEY } = process.env;
const server = new Server({
  port: Number(PORT), host: "127.0.0.1", webhookPath: "/webhook",
  Probot: Probot.defaults({ appId: APP_ID, privateKey: PRIVATE_KEY, secret: WEBHOOK_SECRET, logLevel: "fatal" }),
});
await server.load((app) => { app.on("workflow_run", async () => {}); });
await server.start();
"""


def say(text: str) -> None:
    """A line on stdout at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def installed(folder: Path) -> Path:
    """Probot from npm in `folder`; raises CalledProcessError or FileNotFoundError where that cannot be."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed")
    options = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
    subprocess.run([npm, "install", *options, PROBOT], check=True, timeout=300)
    return folder


@asynccontextmanager
async def probot(around: Surroundings, folder: Path) -> AsyncIterator[tuple[str, int]]:
    """Probot's server in front of a handler that does nothing: its webhook's address and its process."""
    port = free_port()
    script = folder / "server.mjs"
    script.write_text(SERVER)
    environment = {
        "PATH": os.environ["PATH"],
        "NODE_ENV": "production",
        "LOG_LEVEL": "fatal",
        "PORT": str(port),
        "APP_ID": around.environment["GITHUB_APP_ID"],
        "WEBHOOK_SECRET": SECRET,
        "PRIVATE_KEY": _key(around),
    }
    process = await asyncio.create_subprocess_exec("node", str(script), cwd=folder, env=environment)
    try:
        await _listens(f"http://127.0.0.1:{port}/ping")
        yield f"http://127.0.0.1:{port}/webhook", process.pid
    finally:
        process.kill()
        await process.wait()


def _key(around: Surroundings) -> str:
    return Path(around.environment["GITHUB_PRIVATE_KEY_PATH"]).read_text()


async def _listens(address: str) -> None:
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(address):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)


@asynccontextmanager
async def ours(around: Surroundings) -> AsyncIterator[tuple[str, int]]:
    """The server without a worker: its webhook's address and its process."""
    port = free_port()
    environment = {**around.environment, "PORT": str(port)}
    program = await Program.start("serve", "--no-worker", environment=environment, folder=around.folder)
    try:
        await program.said("listening on")
        yield f"http://127.0.0.1:{port}/webhook", program.pid
    finally:
        program.kill()
        await program.ended()


def stored(parcels: Iterator[Parcel]) -> Iterator[Parcel]:
    """Those that ours writes down: an event that nobody handles would flatter it."""
    return (parcel for parcel in parcels if parcel.kind == GOING_ON)


async def measured(around: Surroundings, probots: Path, arguments: argparse.Namespace) -> None:
    """Both servers, in turns."""
    parcels = stored(around.traffic.parcels())
    fast: dict[str, list[Seen]] = {"ours": [], "Probot": []}
    steady: dict[str, list[Seen]] = {"ours": [], "Probot": []}
    async with ours(around) as (our_url, our_pid), probot(around, probots) as (their_url, their_pid):
        targets = {"ours": our_url, "Probot": their_url}
        for url in targets.values():
            await saturate([url], islice(parcels, 300), connections=CONNECTIONS)
        for _ in range(arguments.rounds):
            for name, url in targets.items():
                batch = list(islice(parcels, arguments.deliveries))
                fast[name].append(await saturate([url], batch, connections=CONNECTIONS))
            for name, url in targets.items():
                steady[name].append(await steadily(url, parcels, rate=arguments.rate, seconds=arguments.seconds))
        memory = {"ours": resident(our_pid), "Probot": resident(their_pid)}
    say(f"Load of the machine: {load_average()}\n")
    at = f"at {arguments.rate:.0f}/s"
    say(f"| | acknowledged/s | p99 then, ms | p50 {at} | p99 {at} | MiB | lost |")
    say("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in targets:
        lost = sum(seen.lost for seen in fast[name] + steady[name])
        say(
            f"| {name} | {median(seen.rate for seen in fast[name]):.0f} | {median(s.at(0.99) for s in fast[name]):.0f} "
            f"| {median(s.at(0.5) for s in steady[name]):.1f} | {median(s.at(0.99) for s in steady[name]):.1f} "
            f"| {memory[name] / 2**20:.0f} | {lost} |"
        )


async def main(arguments: argparse.Namespace) -> None:
    """One run in folders of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        probots = Path(arguments.probot) if arguments.probot else installed(folder)
        async with surroundings(folder, f"sqlite:///{folder}/pipeline.db", installations=20, failures=0) as around:
            await measured(around, probots, arguments)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--deliveries", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--probot", default="")
    asyncio.run(main(parser.parse_args()))
