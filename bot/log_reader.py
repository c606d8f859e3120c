"""Classify logs in a child process, so that no log can slow the web server or take it down."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from bot.errors import Retry
from bot.log_child import HEADER, SECONDS
from classifiers.model import Classification, JobFacts

ENDED = "the classifier's process ended while it read a log"
ANSWER_SECONDS = 120.0
"""A verdict that takes longer than this after the last byte is not coming."""


class LogReaderBroken(RuntimeError):
    """The classifier failed on a log; the text is its traceback."""


class LogReader:
    """One child that reads any number of logs at once; it is started by the first log, and again if it dies.

    `judged` is told the category of each log, and the seconds of the processor that it took.
    """

    def __init__(self, judged: Callable[[str, float], None] = lambda _category, _seconds: None) -> None:
        self._judged = judged
        self._child: _Child | None = None
        self._starting = asyncio.Lock()

    async def classify(self, log: AsyncIterator[bytes], facts: JobFacts, *, counted: bool = True) -> Classification:
        """The verdict on a log as it streams in; memory stays bounded whatever its size.

        `counted`: it is a failure's, of which the metrics tell.
        """
        async with self.opened(facts, counted=counted) as opened:
            await opened.feed(log)
            return await opened.verdict(facts)

    @asynccontextmanager
    async def opened(self, facts: JobFacts, *, counted: bool = True) -> AsyncIterator[OpenLog]:
        """A log to be fed once and judged as often as more is learnt of its job."""
        child = await self._ready()
        log = OpenLog(child, child.new_number())
        try:
            await child.send(b"F", log.number, msgspec.msgpack.encode(facts))
            yield log
        finally:
            child.forget(log.number)
            if log.last is not None and counted:
                self._judged(log.last.category.value, log.seconds)

    async def green_lines(self, log: AsyncIterator[bytes]) -> bytes:
        """The lines of a green log, packed as `verdict` takes them: eight bytes each, at most 50,000."""
        child = await self._ready()
        number = child.new_number()
        try:
            await child.send(b"G", number)
            async for piece in log:
                await child.send(b"D", number, piece)
            return await child.answer(number)
        finally:
            child.forget(number)

    async def _ready(self) -> _Child:
        async with self._starting:
            if self._child is None or not self._child.alive:
                self._child = await _Child.start()
            return self._child

    async def close(self) -> None:
        """End the child and wait for it."""
        if self._child is not None:
            await self._child.close()


class OpenLog:
    """A log in the child; it is forgotten with the context that it was opened in."""

    def __init__(self, child: _Child, number: int) -> None:
        self._child = child
        self.number = number
        self.last: Classification | None = None
        """The latest verdict; None before the first."""
        self.seconds = 0.0
        """Of the processor, up to that verdict."""

    async def feed(self, log: AsyncIterator[bytes]) -> None:
        """The log's bytes, cut anywhere."""
        async for piece in log:
            await self._child.send(b"D", self.number, piece)

    async def verdict(self, facts: JobFacts, green: bytes = b"") -> Classification:
        """The verdict by what is known now; annotations and green lines may differ from one call to the next."""
        answer = await self._child.answer(self.number, msgspec.msgpack.encode((facts, green)))
        [self.seconds] = SECONDS.unpack_from(answer)
        self.last = verdict = msgspec.msgpack.decode(answer[SECONDS.size :], type=Classification)
        return verdict


class _Child:
    """A running child process and the logs whose verdicts it owes."""

    def __init__(self, process: Process, stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader) -> None:
        self._process = process
        self._stdin = stdin
        self._stdout = stdout
        self._numbers = itertools.count(1)
        self._owed: dict[int, asyncio.Future[bytes]] = {}
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

    def new_number(self) -> int:
        return next(self._numbers) % 2**32

    async def send(self, kind: bytes, number: int, body: bytes = b"") -> None:
        try:
            if not self.alive:
                raise ConnectionResetError
            self._stdin.write(HEADER.pack(kind, number, len(body)) + body)
            await self._stdin.drain()
        except ConnectionError as error:
            raise Retry(ENDED) from error

    async def answer(self, number: int, body: bytes = b"") -> bytes:
        owed: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._owed[number] = owed
        try:
            await self.send(b"E", number, body)
            async with asyncio.timeout(ANSWER_SECONDS):
                return await owed
        except TimeoutError as error:
            self.kill()
            raise Retry(f"the classifier gave no answer within {ANSWER_SECONDS:.0f} s") from error
        finally:
            del self._owed[number]
            if not owed.cancel():
                owed.exception()  # seen: asyncio complains of an error nobody looked at

    def forget(self, number: int) -> None:
        if self.alive:
            self._stdin.write(HEADER.pack(b"A", number, 0))

    async def _listen(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, number, length = HEADER.unpack(await self._stdout.readexactly(HEADER.size))
                self._deliver(kind, number, await self._stdout.readexactly(length))
        for verdict in self._owed.values():
            if not verdict.done():
                verdict.set_exception(Retry(ENDED))

    def _deliver(self, kind: bytes, number: int, body: bytes) -> None:
        verdict = self._owed.get(number)
        if verdict is None or verdict.done():
            return
        if kind in (b"C", b"L"):
            verdict.set_result(body)
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
