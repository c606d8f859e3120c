"""One answer of GitHub's with everything a diagnosis may need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.github.clock import time_of


@dataclass(frozen=True, slots=True)
class Reply:
    """`status` is 0 where nobody answered; then `error` says why. `at` is our clock then, in epoch seconds."""

    status: int
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    error: str = ""
    at: float = 0.0

    @property
    def object(self) -> dict[str, Any]:
        """The JSON object of the body; empty where it is none."""
        return self.data if isinstance(self.data, dict) else {}

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The objects of the JSON list in the body."""
        return [one for one in self.data if isinstance(one, dict)] if isinstance(self.data, list) else []

    @property
    def reason(self) -> str:
        """Status and GitHub's message, or why there was no answer."""
        if self.status == 0:
            return self.error
        message = self.object.get("message", "")
        return f"{self.status}{f' {message}' if message else ''}"

    @property
    def clock_ahead(self) -> float | None:
        """Seconds by which our clock is ahead of GitHub's; None where GitHub named no time."""
        theirs = time_of(self.headers.get("date"))
        return None if theirs is None else self.at - theirs
