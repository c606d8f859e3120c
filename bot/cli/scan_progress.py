"""How far a scan is: a bar on a terminal, a line now and then anywhere else. On stderr, for stdout is the answer's."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from bot.cli.output import note

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from bot.backfill import Progress

STEPS = 1000
LISTING = 0.3
"""The share of the bar that listing takes: reading logs is the longer part."""


class Screen:
    """Told of everything; use it as a context manager, so that the bar is put away."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._bars: Bars | None = None
        self._bar: TaskID | None = None
        self._name = ""
        self._shown = -1

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bars

            columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[left]}"))
            console = Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")) or None)
            self._bars = self._stack.enter_context(Bars(*columns, TimeElapsedColumn(), console=console))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def begin(self, name: str) -> None:
        """The next repository."""
        self._name, self._shown = name, -1
        if self._bars is not None:
            self._bar = self._bars.add_task(name, total=STEPS, left="")

    def show(self, at: Progress) -> None:
        """How far it is."""
        from bot.backfill import told

        if self._bars is not None and self._bar is not None:
            self._bars.update(self._bar, completed=int(STEPS * share(at)), left=told(at))
        elif not at.done and int(share(at) * 10) > self._shown:
            self._shown = int(share(at) * 10)
            note(f"pipeline: {self._name}: {told(at)}")

    def ended(self, at: Progress | None) -> None:
        """All of a repository is read; None: nothing was left to do."""
        from bot.backfill import told

        self.tell(f"{self._name}: done; {told(at) if at is not None else 'it was read before'}")

    def tell(self, text: str) -> None:
        """A line above the bar."""
        if self._bars is not None:
            self._bars.console.print(f"pipeline: {text}", markup=False, highlight=False, soft_wrap=True)
        else:
            note(f"pipeline: {text}")


def share(at: Progress) -> float:
    """How much is done, 0 to 1."""
    if at.unread is None:
        return LISTING * at.listed
    tried = max(at.read, 0)
    return LISTING + (1 - LISTING) * (tried / (tried + at.unread) if at.unread else 1.0)
