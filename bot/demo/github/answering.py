"""From a parsed request to GitHub's answer: the checks every route shares, in GitHub's order."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.demo.github.auth import admit, authenticate, permit, visible
from bot.demo.github.call import Answer, Call, Caller, Refusal, Route
from bot.demo.github.limits import RateBook
from bot.demo.github.records import RepositoryRecord
from bot.demo.github.state import GitHubState

VERSIONS = ("2022-11-28", "2026-03-10")
LARGEST_REQUEST = 26 * 2**20


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came off the wire."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Desk:
    """Answers requests from the state. `log_url` and `redeliver` belong to the server around it."""

    state: GitHubState
    log_url: Callable[[int], str]
    redeliver: Callable[[int], None]
    rates: RateBook = field(default_factory=RateBook)

    def answer(self, asked: Asked, route: Route, params: Mapping[str, str]) -> tuple[Answer, Caller]:
        """What GitHub would say; refusals become their JSON."""
        caller = Caller()
        try:
            check_headers(asked.headers)
            caller = authenticate(self.state, asked.headers)
            who = _name(caller)
            self.rates.check(who, self.state.now())
            if asked.method != "GET" and route.access == "repository":
                self.rates.check_write(who, self.state.now())
            found = self._routed(asked, route, params, caller)
        except Refusal as refusal:
            found = refusal.answer()
        return self._finished(asked, route, found, caller), caller

    def _routed(self, asked: Asked, route: Route, params: Mapping[str, str], caller: Caller) -> Answer:
        admit(caller, route)
        repository = None
        if "{owner}" in route.template and route.access != "app":
            repository = self._repository(asked, params, caller)
            permit(self.state, caller, repository, route)
        call = Call(
            state=self.state,
            method=asked.method,
            path=asked.path,
            params=params,
            query=asked.query,
            headers=asked.headers,
            body=parsed(asked.body),
            caller=caller,
            log_url=self.log_url,
            redeliver=self.redeliver,
            repository_record=repository,
        )
        return route.handler(call)

    def _repository(self, asked: Asked, params: Mapping[str, str], caller: Caller) -> RepositoryRecord:
        name = f"{params['owner']}/{params['repo']}"
        try:
            repository = self.state.repository(name)
        except KeyError:
            moved = self.state.renamed.get(name.lower())
            if moved is None or not visible(self.state, caller, self.state.repositories[moved]):
                raise Refusal(404, "Not Found") from None
            rest = asked.path.split("/", 4)[4:]
            location = "/".join([f"{self.state.api_url}/repositories/{moved}", *rest])
            raise Refusal(301, "Moved Permanently", headers={"Location": location}) from None
        if not visible(self.state, caller, repository):
            raise Refusal(404, "Not Found")
        return repository

    def _finished(self, asked: Asked, route: Route, answer: Answer, caller: Caller) -> Answer:
        who, now = _name(caller), self.state.now()
        if route.template == "/rate_limit" and answer.status == 200:
            answer.data = self._rate_limit(who)
        elif not _unchanged(asked, answer):
            self.rates.budget(who, now).used += 1
        answer.headers = {
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Request-Id": "0000:0000:0000:0000",
            **self.rates.headers(who, now),
            **answer.headers,
        }
        return answer

    def _rate_limit(self, who: str) -> dict[str, Any]:
        budget = self.rates.budget(who, self.state.now())
        core = {
            "limit": budget.limit,
            "used": budget.used,
            "remaining": max(0, budget.limit - budget.used),
            "reset": int(budget.reset),
        }
        search = {**core, "limit": 30, "used": 0, "remaining": 30}
        return {"resources": {"core": core, "search": search}, "rate": core}


def _unchanged(asked: Asked, answer: Answer) -> bool:
    """Give a successful GET its ETag; True and an empty 304 where the caller has it already."""
    if asked.method != "GET" or answer.status != 200:
        return False
    content = answer.raw if answer.raw is not None else encoded(answer.data)
    etag = f'W/"{hashlib.sha256(content).hexdigest()}"'
    answer.headers["ETag"] = etag
    offered = {part.strip().removeprefix("W/") for part in asked.headers.get("If-None-Match", "").split(",")}
    if etag.removeprefix("W/") not in offered:
        return False
    answer.data, answer.raw, answer.status = None, None, 304
    return True


def encoded(data: object) -> bytes:
    """JSON as it goes over the wire; None is an empty body."""
    return b"" if data is None else json.dumps(data, separators=(",", ":")).encode()


def parsed(body: bytes) -> Any:
    """The JSON of a request's body; None where there is none."""
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except ValueError:
        raise Refusal(400, "Problems parsing JSON") from None


def check_headers(headers: Mapping[str, str]) -> None:
    """A User-Agent is needed, and an API version that GitHub knows."""
    if not headers.get("User-Agent", "").strip():
        raise Refusal(
            403,
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.",
        )
    version = headers.get("X-GitHub-Api-Version")
    if version is not None and version not in VERSIONS:
        raise Refusal(400, f"{version!r} is not a supported version of the API")


def _name(caller: Caller) -> str:
    if caller.installation is not None:
        return f"installation ID {caller.installation.id}"
    if caller.app is not None:
        return f"app ID {caller.app.id}"
    return f"user ID {caller.user.id}" if caller.user is not None else "127.0.0.1"


def canonical_path(state: GitHubState, raw_path: str) -> str:
    """The path without GHES's `/api/v3`, and `/repositories/ID/…` under the repository's name."""
    path = raw_path.removeprefix("/api/v3") if raw_path.startswith("/api/v3/") else raw_path
    by_id = re.match(r"/repositories/(\d+)", path)
    if by_id and int(by_id[1]) in state.repositories:
        return f"/repos/{state.repositories[int(by_id[1])].full_name}{path[by_id.end() :]}"
    return path
