"""Trouble on demand: the next request to a route fails in a chosen way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.demo.github.limits import SECONDARY_LIMIT

LOG_STORE = "log-store"
"""The route name under which the log store's downloads are known to faults and recorded requests."""


@dataclass(slots=True)
class Fault:
    """One planned failure. `kind`: answer, reset, slow, truncated, garbage or hold."""

    route: str
    kind: str
    times: int = 1
    status: int = 502
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    after: bool = False
    """The request is carried out first: the caller cannot know whether it was."""
    seconds: float = 0.0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def matches(self, method: str, template: str, path: str) -> bool:
        """Whether the fault is meant for a request; the route may start with a method and may be a prefix."""
        wanted = self.route
        if " " in wanted:
            wanted_method, _, wanted = wanted.partition(" ")
            if wanted_method != method:
                return False
        return template.startswith(wanted) or path.startswith(wanted)

    async def wait(self) -> None:
        """What delays a request: a time, or somebody's release."""
        if self.kind == "slow":
            await asyncio.sleep(self.seconds)
        if self.kind == "hold":
            self.arrived.set()
            await self.released.wait()


class Faults:
    """The failures that are still to come, oldest first."""

    def __init__(self) -> None:
        self.pending: list[Fault] = []
        self.held: list[Fault] = []

    def take(self, method: str, template: str, path: str) -> Fault | None:
        """The fault for this request, used up by one."""
        for fault in self.pending:
            if fault.matches(method, template, path):
                fault.times -= 1
                if fault.times <= 0:
                    self.pending.remove(fault)
                return fault
        return None

    def plan(self, fault: Fault) -> Fault:
        """Add a fault."""
        self.pending.append(fault)
        return fault

    def answer(
        self,
        route: str,
        status: int = 502,
        *,
        times: int = 1,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        after: bool = False,
    ) -> Fault:
        """Answer with a status; `body` is sent as JSON, the usual message unless given."""
        return self.plan(Fault(route, "answer", times, status, dict(headers or {}), body, after))

    def reset(self, route: str, *, times: int = 1, after: bool = False) -> Fault:
        """Close the connection without an answer."""
        return self.plan(Fault(route, "reset", times, after=after))

    def slow(self, route: str, seconds: float, *, times: int = 1) -> Fault:
        """Answer late."""
        return self.plan(Fault(route, "slow", times, seconds=seconds))

    def hold(self, route: str, *, after: bool = False) -> Fault:
        """Keep the request waiting, or with `after` its answer: await `arrived.wait()`, then `released.set()`."""
        fault = self.plan(Fault(route, "hold", after=after))
        self.held.append(fault)
        return fault

    def truncated(self, route: str, *, times: int = 1) -> Fault:
        """Send half of the right answer under the right status."""
        return self.plan(Fault(route, "truncated", times))

    def garbage(self, route: str, *, times: int = 1, status: int = 200) -> Fault:
        """Send a page of HTML that says it is JSON."""
        return self.plan(Fault(route, "garbage", times, status))

    def secondary_limit(self, route: str, *, status: int = 403, retry_after: int | None = 60, times: int = 1) -> Fault:
        """GitHub's secondary rate limit, with or without Retry-After."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return self.answer(route, status, times=times, headers=headers, body={"message": SECONDARY_LIMIT})

    def primary_limit(self, route: str, *, reset_at: float, status: int = 403, times: int = 1) -> Fault:
        """GitHub's hourly limit is used up until `reset_at` (epoch seconds)."""
        headers = {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(int(reset_at)),
        }
        body = {"message": "API rate limit exceeded for installation."}
        return self.answer(route, status, times=times, headers=headers, body=body)
