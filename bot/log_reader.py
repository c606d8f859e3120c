"""Classify logs in a child process, so that no log can slow the web server or take it down."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator

import msgspec

from bot.errors import Retry
from bot.log_child import HEADER
from classifiers.model import Classification, JobFacts

ANSWER_SECONDS = 120.0
"""A verdict that takes longer than this after the last byte is not coming."""


class LogReaderBroken(RuntimeError):
    """The classifier failed on a log; the text is its traceback."""


class LogReader:
    """One child that reads any number of logs at once; it is started by the first log, and again if it dies."""

    def __init__(self) -> None:
        self._child: _Child | None = None
        self._starting = asyncio.Lock()

    async def classify(self, log: AsyncIterator[bytes], facts: JobFacts) -> Classification:
        """The verdict on a log as it streams in; memory stays bounded whatever its size."""
        child = await self._ready()
        try:
            return await child.classify(log, facts)
        except ConnectionError as error:
            raise Retry("the classifier's process ended while it read a log") from error
        except TimeoutError as error:
            child.kill()
            raise Retry(f"the classifier gave no answer within {ANSWER_SECONDS:.0f} s") from error

    async def _ready(self) -> _Child:
        async with self._starting:
            if self._child is None or not self._child.alive:
                self._child = await _Child.start()
            return self._child

    async def close(self) -> None:
        """End the child and wait for it."""
        if self._child is not None:
            await self._child.close()


class _Child:
    """A running child process and the logs whose verdicts it owes."""

    def __init__(self, process: Process, stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader) -> None:
        self._process = process
        self._stdin = stdin
        self._stdout = stdout
        self._numbers = itertools.count(1)
        self._owed: dict[int, asyncio.Future[Classification]] = {}
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls) -> _Child:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot.log_child", stdin=PIPE, stdout=PIPE, limit=2**24
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the classifier's process has no pipes")
        return cls(process, process.stdin, process.stdout)

    @property
    def alive(self) -> bool:
        return not self._listening.done()

    async def classify(self, log: AsyncIterator[bytes], facts: JobFacts) -> Classification:
        number = next(self._numbers) % 2**32
        verdict: asyncio.Future[Classification] = asyncio.get_running_loop().create_future()
        self._owed[number] = verdict
        try:
            await self._send(b"F", number, msgspec.msgpack.encode(facts))
            async for piece in log:
                await self._send(b"D", number, piece)
            await self._send(b"E", number)
            async with asyncio.timeout(ANSWER_SECONDS):
                return await verdict
        except BaseException:
            if self.alive:
                self._stdin.write(HEADER.pack(b"A", number, 0))
            if not verdict.cancel():
                verdict.exception()  # seen: asyncio complains of an error nobody looked at
            raise
        finally:
            self._owed.pop(number, None)

    async def _send(self, kind: bytes, number: int, body: bytes = b"") -> None:
        if not self.alive:
            raise ConnectionResetError("the classifier's process ended")
        self._stdin.write(HEADER.pack(kind, number, len(body)) + body)
        await self._stdin.drain()

    async def _listen(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, number, length = HEADER.unpack(await self._stdout.readexactly(HEADER.size))
                self._deliver(kind, number, await self._stdout.readexactly(length))
        for verdict in self._owed.values():
            if not verdict.done():
                verdict.set_exception(ConnectionResetError("the classifier's process ended"))

    def _deliver(self, kind: bytes, number: int, body: bytes) -> None:
        verdict = self._owed.get(number)
        if verdict is None or verdict.done():
            return
        if kind == b"C":
            verdict.set_result(msgspec.msgpack.decode(body, type=Classification))
        else:
            verdict.set_exception(LogReaderBroken(body.decode("utf-8", "replace")))

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        self._stdin.close()
        self.kill()
        await self._process.wait()
        await self._listening
