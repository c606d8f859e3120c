"""One unit of work → its handler."""

from __future__ import annotations

import msgspec
import structlog
from gidgethub.routing import Router
from gidgethub.sansio import Event

from bot.errors import GiveUp
from bot.known_work import Trial
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
    Warn,
    Week,
    Weigh,
)
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
        elif job.kind in {HELD, RELEASE}:
            await self._after_quiet_hours(job)
        elif job.kind == WARNING:
            warn = msgspec.json.decode(job.payload, type=Warn)
            await self._services.warnings.tell(warn, await self._repository(warn.repo_id))
        elif job.kind == DASHBOARD:
            draw = msgspec.json.decode(job.payload, type=Draw)
            await self._services.boards.draw(draw, await self._repository(draw.repo_id))
        elif job.kind == DIGEST:
            week = msgspec.json.decode(job.payload, type=Week)
            await self._services.digests.post(week, await self._repository(week.repo_id))
        elif job.kind in {BACKFILL, LOOK_UP}:
            await self._look_back(job)
        elif job.kind == KNOWN:
            trial = msgspec.json.decode(job.payload, type=Trial)
            await self._services.known.try_out(trial, await self._repository(trial.repo_id))
        elif job.kind == "delivery" and job.event is not None:
            await self._deliver(job, job.event)
        else:
            raise GiveUp(f"work of the kind {job.kind!r} is not known to this version")

    async def _follow(self, job: Job) -> None:
        follow = msgspec.json.decode(job.payload, type=Follow)
        repo = await self._repository(follow.repo_id)
        if job.kind == NOTIFY:
            await self._services.monitor.notify(follow.fingerprints, repo)
        elif follow.commit:
            await self._services.monitor.write_check_run(follow.commit, repo)
        else:
            await self._services.monitor.refresh_fingerprints(follow.fingerprints, repo)

    async def _hand_off(self, job: Job) -> None:
        handoffs = self._services.handoffs
        if job.kind == HAND_OFF:
            plan = msgspec.json.decode(job.payload, type=Weigh)
            structlog.contextvars.bind_contextvars(run=plan.run_id)
            await handoffs.weigh(plan, await self._repository(plan.repo_id))
        else:
            order = msgspec.json.decode(job.payload, type=Assign)
            await handoffs.advance(order, await self._repository(order.repo_id))

    async def _after_quiet_hours(self, job: Job) -> None:
        order = msgspec.json.decode(job.payload, type=Release)
        repo = await self._repository(order.repo_id)
        if job.kind == HELD:
            await self._services.monitor.quiet_hours_over(repo, order.until)
        else:
            await self._services.monitor.release(repo)

    async def _look_back(self, job: Job) -> None:
        history = self._services.history
        kind: type[Backfill] | type[LookUp] = Backfill if job.kind == BACKFILL else LookUp
        order = msgspec.json.decode(job.payload, type=kind)
        repo = await self._repository(order.repo_id)
        if isinstance(order, Backfill):
            await history.advance(order, repo)
        else:
            structlog.contextvars.bind_contextvars(run=order.run_id)
            await history.look_up(order, repo)

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
