"""Tables, bars and sparklines where a person looks on; aligned plain text anywhere else."""

from __future__ import annotations

from collections.abc import Sequence

from bot.cli.output import colours, say
from bot.render.markdown import ELLIPSIS, ZERO_WIDTH, clean

_LEVELS = "▁▂▃▄▅▆▇█"
_BAR = 20


def safe(text: str, limit: int = 80) -> str:
    """Foreign text as one line that cannot steer the terminal."""
    line = " ".join(clean(text[: limit * 20]).replace(ZERO_WIDTH, "").split())
    return line if len(line) <= limit else line[: limit - 1] + ELLIPSIS


def sparkline(numbers: Sequence[int]) -> str:
    """One block a number, as high as the number against the largest; a blank for none."""
    most = max(numbers, default=0)
    return "".join(" " if number == 0 else _LEVELS[(number * 8 - 1) // most] for number in numbers)


def bar(number: int, most: int) -> str:
    """A bar against the largest number."""
    return "█" * max(1, round(_BAR * number / most)) if number and most else ""


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Prints rows under a title, the columns `right` (by index) aligned to the right."""
    if not rows:
        return
    if not colours():
        say("\n".join([title, *_aligned(columns, rows, right)]) + "\n\n")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        show_header=any(columns),
        box=None,
        header_style="cyan",
        padding=(0, 2, 0, 0),
    )
    for index, column in enumerate(columns):
        drawn.add_column(Text(column), justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console().print(drawn)


def _aligned(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> list[str]:
    everything = [columns, *rows] if any(columns) else list(rows)
    widths = [max(len(row[index]) for row in everything) for index in range(len(columns))]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in everything
    ]
