"""The child process that classifies: interleaved logs, broken streams, its death."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import Retry
from bot.log_reader import LogReader
from classifiers.model import Category, JobFacts
from tests.end_to_end.world import PYTEST_LOG, RUFF_LOG


@pytest.fixture
async def reader() -> AsyncIterator[LogReader]:
    reader = LogReader()
    yield reader
    await reader.close()


async def pieces(text: str, size: int = 100) -> AsyncIterator[bytes]:
    raw = text.encode()
    for at in range(0, len(raw), size):
        yield raw[at : at + size]


def child_of(parent: int) -> int:
    """The process id of the one child that classifies."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
            command = (status.parent / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent and b"bot.log_child" in command:
            return int(status.parent.name)
    raise AssertionError("there is no child")


async def test_a_log_that_arrives_slowly_holds_up_no_other(reader: LogReader) -> None:
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield PYTEST_LOG[:300].encode()
        await go_on.wait()
        yield PYTEST_LOG[300:].encode()

    waiting = asyncio.create_task(reader.classify(slow(), JobFacts()))
    quick = await reader.classify(pieces(RUFF_LOG), JobFacts())
    assert quick.category is Category.LINTING
    assert not waiting.done()
    go_on.set()
    assert (await waiting).category is Category.TESTING


async def test_a_stream_that_breaks_raises_and_leaves_the_reader_usable(reader: LogReader) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half a line"
        raise Retry("the log broke off")

    with pytest.raises(Retry, match="broke off"):
        await reader.classify(broken(), JobFacts())
    assert (await reader.classify(pieces(PYTEST_LOG), JobFacts())).category is Category.TESTING


async def test_work_goes_back_when_the_child_is_killed_and_a_new_one_is_started(reader: LogReader) -> None:
    started = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536 + b"\n"
            started.set()

    waiting = asyncio.create_task(reader.classify(endless(), JobFacts()))
    await started.wait()
    os.kill(child_of(os.getpid()), signal.SIGKILL)
    with pytest.raises(Retry, match="process ended"):
        await waiting
    assert (await reader.classify(pieces(PYTEST_LOG), JobFacts())).category is Category.TESTING
