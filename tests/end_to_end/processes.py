"""The program as real child processes, and the stand-in GitHub they talk to."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bot.demo.github.recording import RecordedRequest
from bot.demo.github.server import StandInGitHub
from bot.demo.github.state import GitHubState
from bot.demo.webhooks import Delivery, sign
from tests.end_to_end.world import REPO, SECRET
from tests.openapi import check_request

ROOT = Path(__file__).parents[2]
PATIENCE = 60
"""Seconds after which a condition is taken to be one that never comes."""


class Program:
    """One `python -m bot …`, with what it said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.killed = False
        self._said = bytearray()
        self._more = asyncio.Event()
        self._reading = [asyncio.create_task(self._read(pipe)) for pipe in (process.stdout, process.stderr) if pipe]

    @classmethod
    async def start(cls, *arguments: str, environment: Mapping[str, str], folder: Path) -> Program:
        """Start it in `folder`, with nothing of our own environment but where Python is."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            *arguments,
            cwd=folder,
            env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        return cls(process)

    @property
    def output(self) -> str:
        """Everything it wrote to stdout and stderr so far."""
        return self._said.decode("utf-8", "replace")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def said(self, text: str) -> None:
        """Wait until it has said so; fails where it ended without."""
        async with asyncio.timeout(PATIENCE):
            while text not in self.output:
                if all(task.done() for task in self._reading):
                    raise AssertionError(f"the program ended without saying {text!r}:\n{self.output}")
                self._more.clear()
                await self._more.wait()

    def kill(self) -> None:
        """SIGKILL: it gets no chance to put anything in order."""
        self.killed = True
        if self.alive:
            self._process.kill()

    def signal(self, number: signal.Signals) -> None:
        """It is asked to end."""
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end and the last of its output; its exit code."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._reading)
            return await self._process.wait()

    async def _read(self, pipe: asyncio.StreamReader) -> None:
        while piece := await pipe.read(65536):
            self._said += piece
            self._more.set()
        self._more.set()


@dataclass
class Outside:
    """Everything around the program: GitHub, a database, a port, a folder to run in."""

    github: StandInGitHub
    state: GitHubState
    session: aiohttp.ClientSession
    folder: Path
    environment: dict[str, str]
    url: str

    async def start(self, *arguments: str, **changes: str) -> Program:
        """Start the program; `changes` go over the usual environment, and an empty value removes one."""
        wanted = {name: value for name, value in {**self.environment, **changes}.items() if value}
        return await Program.start(*arguments, environment=wanted, folder=self.folder)

    async def serve(self, *arguments: str, **changes: str) -> Program:
        """Start a server and wait until it listens."""
        program = await self.start("serve", *arguments, **changes)
        await program.said("listening on")
        return program

    async def send(self, delivery: Delivery) -> int:
        """Deliver once; the status, or 0 where nobody answered."""
        body = delivery.body
        try:
            async with self.session.post(
                f"{self.url}/webhook", data=body, headers=sign(SECRET, body, delivery)
            ) as answer:
                return answer.status
        except aiohttp.ClientError:
            return 0

    async def inbox(self) -> dict[str, int]:
        """How many units of work are ready, running and dead, as the server's metrics say; raises ClientError."""
        async with self.session.get(f"{self.url}/metrics") as answer:
            text = await answer.text()
        lines = (line for line in text.splitlines() if line.startswith("pipeline_inbox_jobs{"))
        return {line.split('"')[1]: int(float(line.rsplit(" ", 1)[1])) for line in lines}

    async def worked_off(self, patience: float = PATIENCE) -> dict[str, int]:
        """Wait until nothing is ready or running; the last count."""
        async with asyncio.timeout(patience):
            while True:
                found = await self.inbox()
                if found.get("ready") == found.get("running") == 0:
                    return found
                await asyncio.sleep(0.05)


async def buried(programs: Iterable[Program]) -> None:
    """Kill whatever still lives, and show what it said last, in case the test failed."""
    for program in programs:
        if program.alive:
            program.kill()
            await program.ended()
            print(program.output[-6000:])  # noqa: T201


def free_port() -> int:
    """A port that nobody has, below those the kernel gives to outgoing connections, so that it stays free."""
    while True:
        port = random.randint(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


Watch = Callable[[RecordedRequest], Iterable[str]]


@asynccontextmanager
async def outside(
    folder: Path, database_url: str, *, repositories: Iterable[str] = (REPO,), watch: Watch = lambda _request: ()
) -> AsyncIterator[Outside]:
    """A GitHub with one installed App, and an environment in which the program is that App.

    `watch` sees each request after its effect and before its answer.
    """
    state = GitHubState()
    record = state.create_app(webhook_secret=SECRET)
    for name in repositories:
        state.add_repository(name)
    state.install("octo", app=record)

    def seen(request: RecordedRequest) -> list[str]:
        return [*check_request(request), *watch(request)]

    async with StandInGitHub(state, on_request=seen) as github, aiohttp.ClientSession() as session:
        key = folder / "key.pem"
        key.write_text(record.private_key_pem)
        port = free_port()
        environment = {
            "GITHUB_APP_ID": str(record.id),
            "GITHUB_PRIVATE_KEY_PATH": str(key),
            "GITHUB_API_URL": github.api_url,
            "WEBHOOK_SECRET": SECRET,
            "DATABASE_URL": database_url,
            "PORT": str(port),
            "PIPELINE_LEASE_SECONDS": "2",
            "PIPELINE_WRITES_PER_MINUTE": "60000",
        }
        yield Outside(github, state, session, folder, environment, f"http://127.0.0.1:{port}")
