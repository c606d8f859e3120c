"""How many requests one unit of work has sent to GitHub, so that what is only nice to have can be left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Spent:
    """Requests so far; shared with every task that the unit of work starts."""

    requests: int = 0
    extra: bool = False
    """The one request that is only nice to have was made."""


_SPENT: ContextVar[Spent | None] = ContextVar("spent", default=None)


@contextmanager
def counted() -> Iterator[Spent]:
    """Counts the requests made inside."""
    spent = Spent()
    token = _SPENT.set(spent)
    try:
        yield spent
    finally:
        _SPENT.reset(token)


def so_far() -> Spent | None:
    """What this unit of work has spent; None where nobody counts."""
    return _SPENT.get()


def spend() -> None:
    """One more request; not counted where nobody asked for it."""
    spent = _SPENT.get()
    if spent is not None:
        spent.requests += 1
