"""Classify logs in child processes, so that no log can slow the web server or take it down."""

from __future__ import annotations

import asyncio
import contextlib
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
    """A few children, each reading one log at a time. Start with `start`, end with `close`."""

    def __init__(self, *, children: int = 1) -> None:
        self._idle: asyncio.Queue[Process | None] = asyncio.Queue()
        self._children: set[Process] = set()
        for _ in range(children):
            self._idle.put_nowait(None)

    async def classify(self, log: AsyncIterator[bytes], facts: JobFacts) -> Classification:
        """The verdict on a log as it streams in; memory stays bounded whatever its size."""
        child = await self._idle.get()
        healthy = False
        try:
            if child is None or child.returncode is not None:
                child = await self._spawn()
            verdict = await self._converse(child, log, facts)
            healthy = True
        except LogReaderBroken:
            healthy = True
            raise
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise Retry("the classifier's process ended while it read a log") from error
        finally:
            # A child that was interrupted half-way holds half a log; a new one is cheaper than a protocol.
            if not healthy and child is not None:
                self._kill(child)
                child = None
            self._idle.put_nowait(child)
        return verdict

    async def _converse(self, child: Process, log: AsyncIterator[bytes], facts: JobFacts) -> Classification:
        assert child.stdin is not None and child.stdout is not None  # noqa: S101, PT018
        await _send(child.stdin, b"F", msgspec.msgpack.encode(facts))
        async for piece in log:
            await _send(child.stdin, b"D", piece)
        await _send(child.stdin, b"E", b"")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                kind, length = HEADER.unpack(await child.stdout.readexactly(HEADER.size))
                body = await child.stdout.readexactly(length)
        except TimeoutError as error:
            raise Retry(f"the classifier gave no answer within {ANSWER_SECONDS:.0f} s") from error
        if kind == b"X":
            raise LogReaderBroken(body.decode("utf-8", "replace"))
        return msgspec.msgpack.decode(body, type=Classification)

    async def _spawn(self) -> Process:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot.log_child", stdin=PIPE, stdout=PIPE, limit=2**24
        )
        self._children.add(child)
        return child

    def _kill(self, child: Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()

    async def close(self) -> None:
        """End every child and wait for it."""
        for child in self._children:
            if child.stdin is not None:
                child.stdin.close()
            self._kill(child)
            await child.wait()
        self._children.clear()


async def _send(pipe: asyncio.StreamWriter, kind: bytes, body: bytes) -> None:
    pipe.write(HEADER.pack(kind, len(body)) + body)
    await pipe.drain()
