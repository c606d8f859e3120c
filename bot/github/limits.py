"""What GitHub allows: when not to ask at all, and how fast to write. One object per installation.

Sources: docs.github.com, "Rate limits for the REST API" and "Best practices for using the REST API".
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from bot.errors import Retry
from bot.github.clock import time_of

BURST = 10
HOUR = 3600.0
WRITES_AN_HOUR = 500
CIRCUIT_FAILURES = 5
CIRCUIT_SECONDS = 5.0
CIRCUIT_LONGEST = 300.0
LONGEST_WAIT = 30.0
"""Seconds a write waits for its turn in place; beyond that the work goes back to the queue."""
FALLBACK_WAIT = 60.0
"""GitHub's advice for a secondary limit without a Retry-After header."""


class Limits:
    """Holds requests back after GitHub said so, and spaces content writes out.

    GitHub allows 80 content writes a minute: ten go at once, later ones follow at `writes_per_minute`,
    at most one a second unless the setting allows more than GitHub does by default.
    """

    def __init__(
        self,
        writes_per_minute: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._interval = 60.0 / writes_per_minute if writes_per_minute > 80 else max(1.0, 60.0 / writes_per_minute)
        self._monotonic = monotonic
        self._wall = wall
        self._sleep = sleep
        self._closed_until = 0.0
        self._next_free = 0.0
        self._hourly = int(WRITES_AN_HOUR * max(1.0, writes_per_minute / 80))
        self._written: deque[float] = deque()
        self._failures = 0
        self._why = ""

    def check(self) -> None:
        """Raise Retry, at no cost to the work's attempts, while GitHub asked to be left alone, or does not answer."""
        left = self._closed_until - self._monotonic()
        if left > 0:
            raise Retry(self._why, after=left, counts=False)

    def worked(self) -> None:
        """GitHub answered: whatever was broken is not any more."""
        self._failures = 0

    def failed(self) -> None:
        """A server error or no answer. After five in a row nothing is asked for a while, longer each time.

        So an installation whose calls all run into the time limit does not hold the workers that others need.
        """
        self._failures += 1
        if self._failures >= CIRCUIT_FAILURES:
            wait = min(CIRCUIT_LONGEST, CIRCUIT_SECONDS * 2.0 ** (self._failures - CIRCUIT_FAILURES))
            self._close(wait, "GitHub does not answer this installation")

    def _close(self, seconds: float, why: str) -> None:
        until = self._monotonic() + seconds
        if until > self._closed_until:
            self._closed_until, self._why = until, why

    @property
    def writes_wait(self) -> bool:
        """Whether a content write would have to wait for its turn now."""
        return self._next_free > self._monotonic()

    async def turn_to_write(self) -> None:
        """Wait for the next place in the line of content writes."""
        now = self._monotonic()
        slot = max(self._next_free, now - (BURST - 1) * self._interval)
        if slot - now > LONGEST_WAIT:
            raise Retry("too many writes to GitHub are waiting", after=slot - now, counts=False)
        self._within_the_hour(now)
        self._next_free = slot + self._interval
        if slot > now:
            await self._sleep(slot - now)

    def _within_the_hour(self, now: float) -> None:
        while self._written and self._written[0] <= now - HOUR:
            self._written.popleft()
        if len(self._written) >= self._hourly:
            raise Retry("as many writes as GitHub allows an hour", after=self._written[0] + HOUR - now, counts=False)
        self._written.append(now)

    def limited(self, status: int, headers: Mapping[str, str], message: str) -> float | None:
        """Seconds to wait where this refusal is a rate limit, primary or secondary; None where it is not."""
        exhausted = headers.get("x-ratelimit-remaining") == "0"
        secondary = "secondary rate" in message.lower() or "abuse detection" in message.lower()
        if status not in {403, 429} or not (status == 429 or exhausted or secondary or "retry-after" in headers):
            return None
        wait = _seconds(headers.get("retry-after"))
        if wait is None and exhausted:
            reset = _seconds(headers.get("x-ratelimit-reset"))
            now = time_of(headers.get("date")) or self._wall()
            wait = None if reset is None else max(1.0, reset - now + 1)
        wait = FALLBACK_WAIT if wait is None else wait
        self._close(wait, "GitHub's rate limit is used up")
        return wait


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None
