"""GitHub's limits: when not to ask, and how fast to write."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import Retry
from bot.github.limits import FALLBACK_WAIT, LONGEST_WAIT, Limits


class Clock:
    """A clock that moves when it is told to, or when somebody waits for it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waited: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Wait without waiting."""
        self.waited.append(round(seconds, 6))
        self.now += seconds
        await asyncio.sleep(0)


def limits(clock: Clock, writes_per_minute: int = 80, wall: float = 0.0) -> Limits:
    """Limits on that clock."""
    return Limits(writes_per_minute, monotonic=clock, wall=lambda: wall, sleep=clock.sleep)


async def test_ten_writes_go_at_once_and_the_next_ones_follow_a_second_apart() -> None:
    clock = Clock()
    under = limits(clock)
    for _ in range(13):
        await under.turn_to_write()
    assert clock.waited == [1.0, 1.0, 1.0]


async def test_a_quiet_while_gives_the_burst_back() -> None:
    clock = Clock()
    under = limits(clock)
    for _ in range(10):
        await under.turn_to_write()
    clock.now += 60
    for _ in range(10):
        await under.turn_to_write()
    assert clock.waited == []


@pytest.mark.parametrize(("writes", "apart"), [(30, 2.0), (80, 1.0), (60, 1.0), (600, 0.1)])
async def test_writes_follow_as_the_setting_allows(writes: int, apart: float) -> None:
    clock = Clock()
    under = limits(clock, writes)
    for _ in range(12):
        await under.turn_to_write()
    assert [seconds for seconds in clock.waited if seconds] == [apart, apart]


async def test_writes_that_would_wait_too_long_go_back_at_no_cost() -> None:
    clock, waits = Clock(), []

    async def others_wait_too(seconds: float) -> None:
        waits.append(seconds)

    under = Limits(80, monotonic=clock, sleep=others_wait_too)
    for _ in range(10 + int(LONGEST_WAIT)):
        await under.turn_to_write()
    assert max(waits) == LONGEST_WAIT
    with pytest.raises(Retry) as caught:
        await under.turn_to_write()
    assert caught.value.after is not None
    assert (caught.value.after > LONGEST_WAIT, caught.value.counts) == (True, False)


@pytest.mark.parametrize("status", [403, 429])
def test_retry_after_closes_the_door_for_as_long(status: int) -> None:
    clock = Clock()
    under = limits(clock)
    under.check()
    assert under.limited(status, {"retry-after": "17"}, "") == 17
    with pytest.raises(Retry) as caught:
        under.check()
    assert (caught.value.after, caught.value.counts) == (17, False)
    clock.now += 17
    under.check()


def test_an_exhausted_hour_waits_until_its_reset() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "500"}
    assert limits(Clock(), wall=100).limited(403, headers, "API rate limit exceeded") == 401


@pytest.mark.parametrize("reset", ["99", "100"])
def test_a_reset_that_has_passed_still_waits_a_second(reset: str) -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    assert limits(Clock(), wall=100).limited(429, headers, "") == 1


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "You have exceeded a secondary rate limit"),
        ({"x-ratelimit-remaining": "4000"}, "You have exceeded a SECONDARY RATE limit."),
        ({"retry-after": "soon"}, "You have triggered an abuse detection mechanism"),
        ({"x-ratelimit-remaining": "0"}, ""),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "never"}, ""),
    ],
)
def test_a_limit_that_names_no_time_waits_a_minute(headers: dict[str, str], message: str) -> None:
    assert limits(Clock()).limited(403, headers, message) == FALLBACK_WAIT == 60


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (403, {"x-ratelimit-remaining": "12"}, "Resource not accessible by integration"),
        (404, {"x-ratelimit-remaining": "0"}, "Not Found"),
        (422, {"retry-after": "5"}, "Validation Failed"),
        (502, {"retry-after": "5"}, "Server Error"),
    ],
)
def test_other_refusals_are_no_limit(status: int, headers: dict[str, str], message: str) -> None:
    under = limits(Clock())
    assert under.limited(status, headers, message) is None
    under.check()


def test_a_shorter_limit_does_not_open_the_door_earlier() -> None:
    clock = Clock()
    under = limits(clock)
    under.limited(429, {"retry-after": "60"}, "")
    under.limited(429, {"retry-after": "1"}, "")
    clock.now += 30
    with pytest.raises(Retry):
        under.check()


def test_five_failures_in_a_row_open_the_circuit_and_an_answer_closes_it() -> None:
    now = [0.0]
    limits = Limits(80, monotonic=lambda: now[0])
    for _ in range(4):
        limits.failed()
    limits.check()
    limits.failed()
    with pytest.raises(Retry) as held:
        limits.check()
    assert held.value.counts is False
    assert held.value.after == 5.0
    now[0] = 5.1
    limits.check()
    limits.failed()
    with pytest.raises(Retry) as longer:
        limits.check()
    assert longer.value.after == pytest.approx(10.0)
    now[0] = 20.0
    limits.worked()
    limits.failed()
    limits.check()


async def test_no_more_than_five_hundred_writes_an_hour() -> None:
    now = [0.0]
    limits = Limits(80, monotonic=lambda: now[0])
    for _ in range(500):
        now[0] += 1.0
        await limits.turn_to_write()
    now[0] += 1.0
    with pytest.raises(Retry) as held:
        await limits.turn_to_write()
    assert held.value.after == pytest.approx(3600.0 - 500.0)
    now[0] += 3200.0
    await limits.turn_to_write()
