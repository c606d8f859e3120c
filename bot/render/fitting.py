"""Puts blocks of Markdown into a byte limit: whole blocks only, so that no fence or table is ever cut open."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def size(text: str) -> int:
    """Bytes of UTF-8, which is what GitHub counts."""
    return len(text.encode("utf-8", "replace"))


def fit(
    head: str, blocks: Sequence[str], more: Callable[[int], str], *, tail: str = "", limit: int, separator: str = "\n\n"
) -> str:
    """`head`, as many `blocks` as fit in order, `more(left out)` where some do not, and `tail`."""
    fixed = size(head) + size(tail) + 2 * len(separator)
    reserve = size(more(len(blocks))) + len(separator)
    shown: list[str] = []
    used = fixed
    for index, block in enumerate(blocks):
        needed = size(block) + len(separator)
        last = index == len(blocks) - 1
        if used + needed + (0 if last else reserve) > limit:
            shown.append(more(len(blocks) - index))
            break
        shown.append(block)
        used += needed
    return separator.join(part for part in (head, *shown, tail) if part)


def choose(levels: Sequence[Sequence[str]], *, room: int, separator: str = "\n\n") -> list[str]:
    """For each block the longest of its `levels` (shortest first) such that all fit in `room` bytes.

    Every block gets its second level before any gets its third; earlier blocks go first.
    """
    chosen = [options[0] for options in levels]
    used = sum(size(block) + len(separator) for block in chosen)
    for level in range(1, max((len(options) for options in levels), default=0)):
        for index, options in enumerate(levels):
            longer = options[min(level, len(options) - 1)]
            needed = used - size(chosen[index]) + size(longer)
            if needed <= room:
                chosen[index], used = longer, needed
    return chosen
