"""One unit of work → its handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import structlog
from gidgethub.routing import Router
from gidgethub.sansio import Event

from bot.errors import GiveUp
from bot.services import Services
from bot.work import (
    AGENT,
    BACKFILL,
    DASHBOARD,
    DIGEST,
    HAND_OFF,
    HELD,
    KNOWN,
    LOOK_UP,
    NOTIFY,
    REFRESH,
    RELEASE,
    WARNING,
    Assign,
    Backfill,
    Draw,
    Follow,
    LookUp,
    Release,
    Trial,
    Warn,
    Week,
    Weigh,
    Work,
)
from storage import installations
from storage.inbox import DELIVERY
from storage.model import Job, Repository

Errand = Callable[[Any, Repository, Services], Awaitable[None]]
"""Sees work of one kind through; its arguments are of the type that stands beside it."""


async def _refresh(work: Follow, repo: Repository, services: Services) -> None:
    if work.commit:
        await services.monitor.write_check_run(work.commit, repo)
    else:
        await services.monitor.refresh_fingerprints(work.fingerprints, repo)


ERRANDS: Mapping[str, tuple[type[Work], Errand]] = {
    NOTIFY: (Follow, lambda work, repo, services: services.monitor.notify(work.fingerprints, repo)),
    REFRESH: (Follow, _refresh),
    HAND_OFF: (Weigh, lambda work, repo, services: services.handoffs.weigh(work, repo)),
    AGENT: (Assign, lambda work, repo, services: services.handoffs.advance(work, repo)),
    HELD: (Release, lambda work, repo, services: services.monitor.quiet_hours_over(repo, work.until)),
    RELEASE: (Release, lambda _work, repo, services: services.monitor.release(repo)),
    WARNING: (Warn, lambda work, repo, services: services.warnings.tell(work, repo)),
    DASHBOARD: (Draw, lambda work, repo, services: services.boards.draw(work, repo)),
    DIGEST: (Week, lambda work, repo, services: services.digests.post(work, repo)),
    BACKFILL: (Backfill, lambda work, repo, services: services.history.advance(work, repo)),
    LOOK_UP: (LookUp, lambda work, repo, services: services.history.look_up(work, repo)),
    KNOWN: (Trial, lambda work, repo, services: services.known.try_out(work, repo)),
}
"""By kind, what work other than a delivery is."""


class Dispatcher:
    """Decodes a stored delivery and hands it to the router, and other work to whom it is for."""

    def __init__(self, router: Router, services: Services) -> None:
        self._router = router
        self._services = services

    async def __call__(self, job: Job) -> None:
        """See one job through; GiveUp where nobody can ever do it."""
        if job.kind in ERRANDS:
            await self._run_errand(job)
        elif job.kind == DELIVERY and job.event is not None:
            await self._deliver(job, job.event)
        else:
            raise GiveUp(f"work of the kind {job.kind!r} is not known to this version")

    async def _run_errand(self, job: Job) -> None:
        kind, errand = ERRANDS[job.kind]
        work = msgspec.json.decode(job.payload, type=kind)
        repo = await self._repository(work.repo_id)
        if isinstance(work, Weigh | LookUp):
            structlog.contextvars.bind_contextvars(run=work.run_id)
        await errand(work, repo, self._services)

    async def _repository(self, repo_id: int) -> Repository:
        async with self._services.database.read() as conn:
            repo = await installations.repository(conn, repo_id)
        if repo is None:
            raise GiveUp(f"repository {repo_id} is not known")
        structlog.contextvars.bind_contextvars(repository=repo.full_name)
        return repo

    async def _deliver(self, job: Job, event_name: str) -> None:
        data = _decoded(job.payload)
        structlog.contextvars.bind_contextvars(**_names(data))
        event = Event(data, event=event_name, delivery_id=job.guid or "")
        if not self._router.fetch(event):
            raise GiveUp(f"nobody handles {event_name} {data['action']!r}")
        await self._router.dispatch(event, self._services)


def _decoded(payload: bytes) -> dict[str, object]:
    try:
        data = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise GiveUp(f"the payload is not JSON: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("action"), str):
        raise GiveUp("the payload has no action that is a text")
    return data


def _names(data: dict[str, object]) -> dict[str, object]:
    """What every record of this work carries of its delivery. Kept for the task: the worker's last word has it too."""
    names: dict[str, object] = {"action": data["action"]}
    if isinstance(name := _member(data, "repository", "full_name"), str):
        names["repository"] = name[:200]
    # A suite stands for the run of another App, and a check run belongs to a suite.
    for path in (("workflow_run", "id"), ("check_suite", "id"), ("check_run", "check_suite", "id")):
        if isinstance(run := _member(data, *path), int):
            names["run"] = run
            break
    return names


def _member(value: object, *path: str) -> object:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
