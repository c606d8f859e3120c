"""What the stand-in remembers of the requests it got."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SECRET_HEADERS = {"authorization", "cookie"}


@dataclass(slots=True)
class RecordedRequest:
    """A request and its answer. `route` is the template of GitHub's description, empty where unknown."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    route: str = ""
    status: int = 0
    caller: str = "nobody"
    response: Any = None
    fault: str = ""
    """The kind of the planned failure that met it, if any."""
    arrived_at: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class Recording:
    """All requests in order, those to routes the stand-in lacks, and what a validator objected to."""

    requests: list[RecordedRequest] = field(default_factory=list)
    unknown_requests: list[RecordedRequest] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def matching(self, method: str = "", route: str = "") -> list[RecordedRequest]:
        """The requests of a method whose route or path starts so; empty means any."""
        return [
            request
            for request in self.requests
            if method in ("", request.method) and (request.route.startswith(route) or request.path.startswith(route))
        ]

    def objections(self) -> list[str]:
        """Everything that must fail a test, one sentence each."""
        unknown = [f"{one.method} {one.path}: the stand-in has no such route" for one in self.unknown_requests]
        return unknown + self.violations


Validator = Callable[[RecordedRequest], Iterable[str]]
"""Called with each answered request; what it yields is what is wrong with it."""


def without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers as they may be kept and shown."""
    return {name: value for name, value in headers.items() if name.lower() not in SECRET_HEADERS}
