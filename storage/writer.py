"""The task that owns SQLite's only writing connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from storage.errors import DatabaseUnavailable
from storage.wakeup import take_mark

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")
_Work = tuple["Callable[[AsyncConnection], Awaitable[Any]]", "asyncio.Future[Any]"]


class SoleWriter:
    """Runs submitted functions one after the other, each in its own transaction.

    A task cancelled while BEGIN IMMEDIATE waits would leave the connection in a transaction for ever, and two tasks
    on one connection roll back each other's work. So callers only await a future, and this task alone touches the
    connection.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._queue: asyncio.Queue[_Work | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> tuple[T, bool]:
        """The result of `work` after its commit, and whether it made jobs ready."""
        if self._closed:
            raise DatabaseUnavailable("the database is being closed")
        if self._task is None:
            self._task = asyncio.create_task(self._serve(), name="sqlite-writer")
        elif asyncio.current_task() is self._task:
            raise RuntimeError("a transaction was started inside a transaction: pass the connection on instead")
        future: asyncio.Future[tuple[T, bool]] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((work, future))
        return await future

    async def close(self) -> None:
        """Finishes what was submitted, then ends the task."""
        self._closed = True
        if self._task is not None:
            self._queue.put_nowait(None)
            await self._task

    async def _serve(self) -> None:
        while (item := await self._queue.get()) is not None:
            work, future = item
            if future.cancelled():
                continue
            try:
                outcome = await self._transact(work)
            except asyncio.CancelledError:
                _fail(future, DatabaseUnavailable("the database is being closed"))
                raise
            except Exception as error:  # noqa: BLE001 - handed to the caller, whose error it is
                _fail(future, error)
            else:
                if not future.done():
                    future.set_result(outcome)

    async def _transact(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> tuple[T, bool]:
        async with self._engine.connect() as connection:
            take_mark(connection)
            async with connection.begin():
                result = await work(connection)
            return result, take_mark(connection)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
