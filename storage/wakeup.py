"""Lets workers in this process sleep until a commit made work ready."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_MARK = "pipeline_made_work"


def made_work(tx: AsyncConnection) -> None:
    """Notes on the transaction that jobs may be ready once it commits; a rollback forgets it."""
    tx.info[_MARK] = True


def take_mark(tx: AsyncConnection) -> bool:
    """Whether `made_work` was called in this transaction; clears the note."""
    return bool(tx.info.pop(_MARK, False))


class Wakeup:
    """A bell that cannot be missed: take a ticket, look for work, then wait with that ticket."""

    def __init__(self) -> None:
        self._rings = 0
        self._event = asyncio.Event()

    @property
    def ticket(self) -> int:
        """Stands for this moment; a ring after it makes `wait` return at once."""
        return self._rings

    def ring(self) -> None:
        """Wakes everybody who waits, and whoever comes with an older ticket."""
        self._rings += 1
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, ticket: int, timeout: float) -> bool:
        """Returns True on a ring after the ticket was taken, False after `timeout` seconds without one."""
        if self._rings != ticket:
            return True
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        return True
