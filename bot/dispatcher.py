"""One unit of work → its handler."""

from __future__ import annotations

import msgspec
import structlog
from gidgethub.routing import Router
from gidgethub.sansio import Event

from bot.errors import GiveUp
from bot.services import Services
from bot.work import AGENT, BACKFILL, HAND_OFF, LOOK_UP, NOTIFY, REFRESH, Assign, Backfill, Follow, LookUp, Weigh
from storage import installations
from storage.model import Job, Repository


class Dispatcher:
    """Decodes a stored delivery and hands it to the router."""

    def __init__(self, router: Router, services: Services) -> None:
        self._router = router
        self._services = services

    async def __call__(self, job: Job) -> None:
        """See one job through; GiveUp where nobody can ever do it."""
        if job.kind in {NOTIFY, REFRESH}:
            await self._follow(job)
        elif job.kind in {HAND_OFF, AGENT}:
            await self._hand_off(job)
        elif job.kind in {BACKFILL, LOOK_UP}:
            await self._look_back(job)
        elif job.kind == "delivery" and job.event is not None:
            await self._deliver(job, job.event)
        else:
            raise GiveUp(f"work of the kind {job.kind!r} is not known to this version")

    async def _follow(self, job: Job) -> None:
        follow = msgspec.json.decode(job.payload, type=Follow)
        repo = await self._repository(follow.repo_id)
        with structlog.contextvars.bound_contextvars(event_name=job.kind, repo=repo.full_name):
            if job.kind == NOTIFY:
                await self._services.monitor.notify(follow.fingerprints, repo)
            else:
                await self._services.monitor.refresh_fingerprints(follow.fingerprints, repo)

    async def _hand_off(self, job: Job) -> None:
        handoffs = self._services.handoffs
        if job.kind == HAND_OFF:
            plan = msgspec.json.decode(job.payload, type=Weigh)
            await handoffs.weigh(plan, await self._repository(plan.repo_id))
        else:
            order = msgspec.json.decode(job.payload, type=Assign)
            await handoffs.advance(order, await self._repository(order.repo_id))

    async def _look_back(self, job: Job) -> None:
        history = self._services.history
        kind: type[Backfill] | type[LookUp] = Backfill if job.kind == BACKFILL else LookUp
        order = msgspec.json.decode(job.payload, type=kind)
        repo = await self._repository(order.repo_id)
        with structlog.contextvars.bound_contextvars(event_name=job.kind, repo=repo.full_name):
            if isinstance(order, Backfill):
                await history.advance(order, repo)
            else:
                await history.look_up(order, repo)

    async def _repository(self, repo_id: int) -> Repository:
        async with self._services.database.read() as conn:
            repo = await installations.repository(conn, repo_id)
        if repo is None:
            raise GiveUp(f"repository {repo_id} is not known")
        return repo

    async def _deliver(self, job: Job, event_name: str) -> None:
        data = _decoded(job.payload)
        event = Event(data, event=event_name, delivery_id=job.guid or "")
        if not self._router.fetch(event):
            raise GiveUp(f"nobody handles {event_name} {data['action']!r}")
        with structlog.contextvars.bound_contextvars(event_name=event_name, **_names(data)):
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
    """What a log line should carry of a delivery."""
    repository, run = data.get("repository"), data.get("workflow_run")
    names: dict[str, object] = {"action": data["action"]}
    if isinstance(repository, dict):
        names["repo"] = repository.get("full_name")
    if isinstance(run, dict):
        names["run"] = run.get("id")
    return names
