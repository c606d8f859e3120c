"""Text from outside, and numbers, made fit for one line of a terminal."""

from __future__ import annotations

from classifiers.redaction import redact

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def one_line(text: str, most: int) -> str:
    """At most so many characters, on one line, without control or bidirectional characters, secrets masked."""
    flat = " ".join("".join(char if char.isprintable() else " " for char in redact(text)).split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def age(seconds: float) -> str:
    """A duration in its largest whole unit: `3 h`."""
    whole = int(max(0, seconds))
    size, unit = next(((size, unit) for size, unit in _UNITS if whole >= size), _UNITS[-1])
    return f"{whole // size} {unit}"
