"""The real server as a child process, knowing nothing but what it is given."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "NO_COLOR", "TERM", "COLUMNS", "SYSTEMROOT")
"""The only variables of the user that a child process sees: none of them configures the program."""
LISTENING = re.compile(r"listening on (http://\S+)")
WAITING = re.compile(r'^pipeline_inbox_jobs\{state="(ready|running|dead)"\} ([0-9.]+)$', re.MULTILINE)
POLL_SECONDS = 0.03
PATIENCE_SECONDS = 60.0
TAIL_LINES = 25


class ServerFailed(Exception):
    """The server did not start, ended, or could not do its work."""


def program(*arguments: str) -> tuple[str, ...]:
    """The command line of this very program."""
    return (sys.executable, "-m", "bot", *arguments)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """What a child process gets to see: `settings`, and of the user's own nothing that matters."""
    source = str(Path(__file__).resolve().parents[2])
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": source, **settings}


class ServerProcess:
    """`pipeline serve` in `folder`, its log beside it; an async context manager that ends it cleanly.

    Raises ServerFailed from entering, and from `until_idle`.
    """

    def __init__(self, settings: Mapping[str, str], folder: Path) -> None:
        self.url = ""
        self.log_path = folder / "server.log"
        self._environment = environment(settings)
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._listening: asyncio.Future[str] | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *program("serve"),
            cwd=self._folder,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            # Ctrl-C reaches a whole terminal; the server is to end after the last answer, not before.
            start_new_session=True,
        )
        self._listening = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._keep_log(self._process, self._listening))
        started: list[asyncio.Future[Any]] = [self._reading, self._listening]
        await asyncio.wait(started, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not self._listening.done():
            await self._end()
            raise ServerFailed("the server did not start")
        self.url = self._listening.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def until_idle(self, session: aiohttp.ClientSession) -> None:
        """Wait until everything the server took is worked off; ServerFailed where that does not come to pass."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (waiting := await self._census(session))["ready"] or waiting["running"]:
            if time.monotonic() > deadline:
                raise ServerFailed(f"the server had work left after {PATIENCE_SECONDS:.0f} seconds")
            await asyncio.sleep(POLL_SECONDS)
        if waiting["dead"]:
            raise ServerFailed("the server gave a delivery up")

    async def ended(self) -> None:
        """Wait until the server is gone, for whatever reason."""
        if self._process is not None:
            await self._process.wait()

    def log_tail(self) -> list[str]:
        """The last lines of the server's log."""
        if not self.log_path.exists():
            return []
        return self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]

    async def _census(self, session: aiohttp.ClientSession) -> dict[str, int]:
        try:
            async with session.get(f"{self.url}/metrics") as answer:
                found = WAITING.findall(await answer.text())
        except aiohttp.ClientError as error:
            raise ServerFailed(f"the server went away: {error}") from error
        if len(found) != 3:
            raise ServerFailed("the server's /metrics does not say what is waiting")
        return {state: int(float(count)) for state, count in found}

    async def _keep_log(self, process: asyncio.subprocess.Process, listening: asyncio.Future[str]) -> None:
        assert process.stderr is not None  # noqa: S101  # a pipe was asked for
        with self.log_path.open("wb", buffering=0) as log:
            async for line in process.stderr:
                log.write(line)
                found = LISTENING.search(line.decode("utf-8", "replace"))
                if found and not listening.done():
                    listening.set_result(found[1])

    async def _end(self) -> None:
        if self._process is None or self._reading is None:
            return
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading
