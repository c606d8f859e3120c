"""PipelineDashboard: the read model behind comments, command line and export. Queries in, views out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.advice import RedFacts, SpreadFacts, alerts_of, recommendations_of
from bot.time_range import LONGEST
from bot.views import Dashboard, Flaky, RepositoryHealth, Running, Status
from classifiers.model import Severity
from storage import dashboards, live, recurring
from storage.dashboards import Halves
from storage.live import Flip
from storage.model import Health, Pattern, Repository, Run
from storage.scopes import Scope, everything, of_repository
from storage.windows import DAY, Window

MOST_PATTERNS = 500
RECENT = 10
RUNNING = 20
_SHOWN_PATTERNS = 10
_RED_DAYS = 30
_LIVE_DAYS = 7
_FLAKY_DAYS = 7
_OUTBREAK_SECONDS = 3_600
_OUTBREAK_REPOSITORIES = 3
_MOST_FLIPS = 500


def days_within(days: int) -> int:
    """The number of days if history may reach as far back; ValueError with the reason where not."""
    if not 1 <= days <= LONGEST // DAY:
        raise ValueError(f"takes 1 to {LONGEST // DAY} days, not {days}")
    return days


@dataclass(frozen=True, slots=True)
class Question:
    """What a dashboard is asked for. `repository` is None where the scope has several."""

    scope: Scope
    repository: str | None
    time_range: str
    window: Window


async def question(
    conn: AsyncConnection, repo: Repository | None, *, time_range: str, seconds: int, now: int
) -> Question:
    """About one repository, or about everything in the database, for the time up to now."""
    scope = await everything(conn) if repo is None else of_repository(repo)
    return Question(scope, repo.full_name if repo else None, time_range, Window(now - seconds, now))


def nothing(repository: str | None, time_range: str, seconds: int, now: int) -> Dashboard:
    """The answer where nothing is recorded."""
    window = Window(now - seconds, now)
    return Dashboard(
        generated_at=now,
        time_range=time_range,
        repository=repository,
        health=dashboards.health_of(dashboards.Tally(), time_range, repository),
        running=(),
        recent_failures=(),
        by_category={},
        by_severity={},
        by_repository={},
        corrected=0,
        direction=Halves().direction,
        step=window.step,
        buckets=tuple(dashboards.buckets_of(window, {})),
        repository_health=(),
        patterns=(),
        alerts=(),
        recommendations=(),
    )


class PipelineDashboard:
    """Answers from one state of the database; open a read transaction, and ask all of one answer in it."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def health(self, asked: Question) -> Health:
        """Success rate, runs and durations."""
        whole = await dashboards.total(self._conn, asked.scope, asked.window)
        return dashboards.health_of(whole, asked.time_range, asked.repository)

    async def dashboard(self, asked: Question) -> Dashboard:
        """Everything on one page."""
        conn, scope, window = self._conn, asked.scope, asked.window
        by_repo = await dashboards.halves(conn, scope, window)
        failed = await dashboards.failures(conn, scope, window)
        names = await dashboards.names(conn, {*by_repo, *failed.by_repository})
        total = _sum(by_repo.values())
        alerts = alerts_of(total, await self._red(asked), await self._spread(asked), asked.repository)
        costs = await recurring.costs(conn, scope, window, limit=20)
        known = await recurring.of_fingerprints(conn, scope, {cost.fingerprint for cost in costs})
        return Dashboard(
            generated_at=window.now,
            time_range=asked.time_range,
            repository=asked.repository,
            health=dashboards.health_of(total.whole, asked.time_range, asked.repository),
            running=tuple(await self._running(scope, window.now)),
            recent_failures=tuple(await live.recent_failures(conn, scope, since=window.since, limit=RECENT)),
            by_category=failed.by_category,
            by_severity=_by_rank(failed.by_severity),
            by_repository=_by_name(failed.by_repository, names),
            corrected=await dashboards.corrected(conn, scope, window),
            direction=total.direction,
            step=window.step,
            buckets=tuple(await dashboards.trend(conn, scope, window)),
            repository_health=tuple(_health_of_each(by_repo, names, asked.time_range)),
            patterns=tuple(await recurring.recurring(conn, scope, window, limit=_SHOWN_PATTERNS)),
            alerts=alerts,
            recommendations=recommendations_of(costs, known, asked.time_range),
        )

    async def patterns(self, scope: Scope, now: int, days: int) -> list[Pattern]:
        """What recurs and was seen in the last days, by the runner time it took in them."""
        return await recurring.recurring(self._conn, scope, Window(now - days * DAY, now), limit=MOST_PATTERNS)

    async def status(self, repo: Repository, now: int) -> Status:
        """What runs now in a repository, against what such runs take when they pass."""
        found = await self._running(of_repository(repo), now)
        usual = await live.usual_durations(self._conn, found, now)
        running = tuple(Running(run, usual.get((run.repo_id, run.workflow_id))) for run in found)
        return Status(repo.full_name, now, running)

    async def flaky(self, scope: Scope, now: int) -> list[Flaky]:
        """What failed and passed on one commit in the last 7 days, the most frequent first."""
        found = await live.flips(self._conn, scope, since=now - _FLAKY_DAYS * DAY, limit=_MOST_FLIPS)
        by_print: dict[str, list[Flip]] = defaultdict(list)
        for flip in found:
            by_print[flip.failure.fingerprint].append(flip)
        each = [Flaky(mark, tuple(flips[:3]), len(flips)) for mark, flips in by_print.items()]
        return sorted(each, key=lambda one: (-one.count, -one.flips[0].failure.detected_at, one.fingerprint))

    async def _running(self, scope: Scope, now: int) -> list[Run]:
        # The end of a run may never have been told; what began longer ago is not believed to go on.
        return await live.running(self._conn, scope, since=now - _LIVE_DAYS * DAY, limit=RUNNING)

    async def _red(self, asked: Question) -> list[RedFacts]:
        since = asked.window.now - _RED_DAYS * DAY
        found = await live.red_default_branches(self._conn, asked.scope, since=since, limit=RECENT)
        return [RedFacts(one.repository, one.branch, one.workflow, one.failures, one.since, one.url) for one in found]

    async def _spread(self, asked: Question) -> list[SpreadFacts]:
        if asked.scope.single:
            return []
        since = asked.window.now - _OUTBREAK_SECONDS
        found = await recurring.outbreaks(self._conn, asked.scope, since, least=_OUTBREAK_REPOSITORIES)
        known = await recurring.of_fingerprints(self._conn, asked.scope, {one.fingerprint for one in found})
        return [SpreadFacts(known[one.fingerprint], len(one.repo_ids)) for one in found if one.fingerprint in known]


def _sum(found: Iterable[Halves]) -> Halves:
    return sum(found, Halves())


def _by_name(counts: Mapping[int, int], names: Mapping[int, str]) -> dict[str, int]:
    """A repository that was deleted and made anew is two by its ids and one by its name."""
    found: dict[str, int] = defaultdict(int)
    for repo_id, count in counts.items():
        found[names[repo_id]] += count
    return dict(found)


def _by_rank(counts: dict[str, int]) -> dict[str, int]:
    """Severities from critical to low."""
    order = {str(severity): severity.rank for severity in Severity}
    return dict(sorted(counts.items(), key=lambda item: order.get(item[0], len(order))))


def _health_of_each(
    by_repo: Mapping[int, Halves], names: Mapping[int, str], time_range: str
) -> Iterator[RepositoryHealth]:
    """The worst first: the lowest success rate, then the most runs."""
    each = [
        RepositoryHealth(dashboards.health_of(halves.whole, time_range, names[repo_id]), halves.direction)
        for repo_id, halves in by_repo.items()
    ]
    yield from sorted(
        each, key=lambda one: (one.health.success_rate or 0.0, -one.health.total_runs, one.health.repository or "")
    )
