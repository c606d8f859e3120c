"""What the dashboards count. Covering indices answer one repository's window, rollups by day those of many."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import and_, case, func, literal, select, tuple_, union_all

from storage.merging import COUNTED
from storage.model import Health
from storage.scopes import Scope, everything
from storage.tables import YES, corrections, failure_daily, pipeline_failures, pipeline_runs, repositories, run_daily
from storage.windows import DAY, FEW_DAYS, Piece, Window, from_rollups, pieces, undivided

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

K = TypeVar("K", str, int)

_runs = pipeline_runs.c
_failures = pipeline_failures.c
_SCORES = ((95.0, "excellent"), (85.0, "good"), (70.0, "fair"), (0.0, "poor"))
_MOST_CORRECTIONS = 300
_NUMBERS = ("success", "failure", "seconds", "timed")
# Made once: building expressions takes longer than the database does on them.
# A run that was re-recorded with odd clocks must not make the average negative.
_TOOK = case(
    (and_(_runs.started_at > 0, _runs.completed_at >= _runs.started_at), _runs.completed_at - _runs.started_at)
)
_MEASURED = (
    func.count(case((_runs.conclusion == COUNTED[0], 1))).label("success"),
    func.count(case((_runs.conclusion != COUNTED[0], 1))).label("failure"),
    func.coalesce(func.sum(_TOOK), 0).label("seconds"),
    func.count(_TOOK).label("timed"),
)
# An expression, because SQLite would else walk the index of every repository to have the groups in order.
_REPO = (_runs.repo_id + 0).label("repo_id")
_SUMMED = tuple(func.sum(run_daily.c[name]).label(name) for name in _NUMBERS)
_LATEST_COUNTED = and_(_runs.latest == YES, _runs.conclusion.in_(COUNTED))


@dataclass(frozen=True, slots=True)
class Tally:
    """Runs that count: how many succeeded and failed; `seconds` is the time of the `timed` ones."""

    success: int = 0
    failure: int = 0
    seconds: int = 0
    timed: int = 0

    @property
    def runs(self) -> int:
        """All of them."""
        return self.success + self.failure

    @property
    def failure_rate(self) -> float | None:
        """Percent; None without runs."""
        return 100.0 * self.failure / self.runs if self.runs else None

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.success + other.success,
            self.failure + other.failure,
            self.seconds + other.seconds,
            self.timed + other.timed,
        )


@dataclass(frozen=True, slots=True)
class Halves:
    """The earlier and the later half of a window."""

    earlier: Tally = Tally()
    later: Tally = Tally()

    @property
    def whole(self) -> Tally:
        """Both together."""
        return self.earlier + self.later

    @property
    def direction(self) -> str:
        """`increasing` where the failure rate rose by ten points or more, `decreasing` where it fell so; `stable`."""
        before, after = self.earlier.failure_rate, self.later.failure_rate
        if before is None or after is None or abs(after - before) < 10:
            return "stable"
        return "increasing" if after > before else "decreasing"

    def __add__(self, other: Halves) -> Halves:
        return Halves(self.earlier + other.earlier, self.later + other.later)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Runs that count within an hour or a day from `start`, and how many of them failed."""

    start: int
    runs: int
    failures: int


@dataclass(frozen=True, slots=True)
class Failures:
    """How many failures there were, by their kind and by repository id."""

    by_category: dict[str, int]
    by_severity: dict[str, int]
    by_repository: dict[int, int]


async def health(
    conn: AsyncConnection,
    *,
    since: int,
    until: int,
    time_range: str,
    repo_id: int | None = None,
    repository: str | None = None,
    installation_id: int | None = None,
) -> Health:
    """Health over the runs whose latest attempt completed in `since <= t < until`.

    `time_range` and `repository` are passed through as they are shown. Cancelled, skipped, neutral and running runs
    do not count.
    """
    if repo_id is not None:
        scope = Scope((installation_id,) if installation_id is not None else (), (repo_id,))
    elif installation_id is not None:
        scope = Scope((installation_id,))
    else:
        scope = await everything(conn)
    return health_of(await total(conn, scope, Window(since, until, until)), time_range, repository)


def score(success_rate: float | None) -> str:
    """The word for a success rate in percent."""
    if success_rate is None:
        return "unknown"
    return next(word for least, word in _SCORES if success_rate >= least)


def health_of(tally: Tally, time_range: str, repository: str | None) -> Health:
    """The health that these runs come to."""
    rate = round(100.0 * tally.success / tally.runs, 1) if tally.runs else None
    return Health(
        time_range=time_range,
        repository=repository,
        success_rate=rate,
        total_runs=tally.runs,
        successful_runs=tally.success,
        failed_runs=tally.failure,
        average_duration_minutes=round(tally.seconds / tally.timed / 60, 2) if tally.timed else 0.0,
        health_score=score(rate),
    )


async def total(conn: AsyncConnection, scope: Scope, window: Window) -> Tally:
    """Of all repositories of the scope together, the runs of the window that count."""
    direct = Piece(window.since, window.until, later=False, whole=False)
    cut = undivided(window) if from_rollups(scope, window) else [direct]
    parts = [_all_days(scope, piece) if piece.whole else _all_runs(scope, piece) for piece in cut]
    whole = Tally()
    for row in await conn.execute(union_all(*parts)):
        whole += Tally(*(int(number or 0) for number in row))
    return whole


async def halves(conn: AsyncConnection, scope: Scope, window: Window) -> dict[int, Halves]:
    """Of every repository of the scope with runs that count, both halves of the window, by repository id."""
    if not from_rollups(scope, window):
        query = _both_halves(scope, window)
    else:
        parts = [(_days_of if piece.whole else _runs_of)(scope, piece) for piece in pieces(window)]
        part = union_all(*parts).subquery()
        totals = [func.sum(part.c[name]).label(name) for name in _NUMBERS]
        query = select(part.c.repo_id, part.c.later, *totals).group_by(part.c.repo_id, part.c.later)
    found: dict[int, Halves] = {}
    for row in await conn.execute(query):
        tally = Tally(int(row.success), int(row.failure), int(row.seconds), int(row.timed))
        if tally.runs:
            half = Halves(later=tally) if row.later else Halves(earlier=tally)
            found[row.repo_id] = found.get(row.repo_id, Halves()) + half
    return found


async def trend(conn: AsyncConnection, scope: Scope, window: Window) -> list[Bucket]:
    """Every hour or day (in UTC) of the window, empty ones included, oldest first."""
    step = window.step
    first, last = window.since // step, max(window.now, window.since) // step
    counts: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    direct = Piece(window.since, window.until, later=False, whole=False)
    if from_rollups(scope, window):
        direct = Piece(window.since, (first + 1) * DAY, later=False, whole=False)
        days = run_daily.c
        totals = (func.sum(days.success + days.failure), func.sum(days.failure))
        query = select(days.day, *totals).where(scope.within(days), days.day > first).group_by(days.day)
        for day, runs, failed in await conn.execute(query):
            _add(counts, min(day, last), int(runs), int(failed))
    bucket = (_runs.completed_at // step).label("bucket")
    query = select(bucket, func.count(), _MEASURED[1]).where(_counted(scope, direct)).group_by(bucket)
    for at, runs, failed in await conn.execute(query):
        # A clock that is ahead of ours must not make a bucket in the future.
        _add(counts, min(at, last), runs, failed)
    return buckets_of(window, counts)


def buckets_of(window: Window, counts: Mapping[int, tuple[int, int]]) -> list[Bucket]:
    """Every bucket of the window with its runs and failed runs, given by bucket number."""
    first, last = window.since // window.step, max(window.now, window.since) // window.step
    return [Bucket(at * window.step, *counts.get(at, (0, 0))) for at in range(first, last + 1)]


async def failures(conn: AsyncConnection, scope: Scope, window: Window) -> Failures:
    """Failures of the window up to now, by category, severity and repository."""
    found = Failures(defaultdict(int), defaultdict(int), defaultdict(int))
    end: tuple[ColumnElement[bool], ...] = ()
    if scope.repo_ids is None and window.seconds > FEW_DAYS:
        first = -(-window.since // DAY)
        end = (_failures.detected_at < first * DAY,)
        kinds, repos = failure_daily.c, run_daily.c
        by_kind = select(kinds.category, kinds.severity, func.sum(kinds.count)).where(
            scope.within(kinds), kinds.day >= first
        )
        for category, severity, count in await conn.execute(by_kind.group_by(kinds.category, kinds.severity)):
            found.by_category[category] += int(count)
            found.by_severity[severity] += int(count)
        by_repo = select(repos.repo_id, func.sum(repos.failures)).where(scope.within(repos), repos.day >= first)
        for repo_id, count in await conn.execute(by_repo.group_by(repos.repo_id)):
            found.by_repository[repo_id] += int(count)
    kind = (_failures.repo_id, _failures.category, _failures.severity)
    direct = select(*kind, func.count()).where(scope.within(_failures), _failures.detected_at >= window.since, *end)
    for repo_id, category, severity, count in await conn.execute(direct.group_by(*kind)):
        found.by_category[category] += count
        found.by_severity[severity] += count
        found.by_repository[repo_id] += count
    return Failures(*(_largest_first(each) for each in (found.by_category, found.by_severity, found.by_repository)))


async def corrected(conn: AsyncConnection, scope: Scope, window: Window) -> int:
    """How many failures of the window a person put into another category than the classifier had."""
    said = corrections.c
    ours = () if scope.repo_ids is None else (said.repo_id.in_(scope.repo_ids),)
    newest = select(said.repo_id, said.fingerprint).where(said.was != said.category, *ours).order_by(said.at.desc())
    corrected = [tuple(row) for row in await conn.execute(newest.limit(_MOST_CORRECTIONS))]
    if not corrected:
        return 0
    # Two steps: joined, the database would start from the failures, which are many, and not from these.
    alike = tuple_(_failures.repo_id, _failures.fingerprint).in_(corrected)
    query = select(func.count()).where(alike, scope.within(_failures), _failures.detected_at >= window.since)
    return int((await conn.execute(query)).scalar_one())


async def names(conn: AsyncConnection, repo_ids: Collection[int]) -> dict[int, str]:
    """The present names of repositories; of one that was never announced, the name its newest run had."""
    found = {}
    known = select(repositories.c.id, repositories.c.full_name).where(repositories.c.id.in_(repo_ids))
    for repo_id, name in await conn.execute(known):
        found[repo_id] = name
    for repo_id in set(repo_ids) - found.keys():
        query = select(_runs.repository).where(_runs.repo_id == repo_id).order_by(_runs.run_id.desc()).limit(1)
        found[repo_id] = (await conn.execute(query)).scalar() or ""
    return found


def _largest_first(counts: dict[K, int]) -> dict[K, int]:
    return dict(sorted(((key, n) for key, n in counts.items() if n > 0), key=lambda item: (-item[1], str(item[0]))))


def _both_halves(scope: Scope, window: Window) -> Select[Any]:
    later = case((_runs.completed_at >= window.middle, 1), else_=0).label("later")
    piece = Piece(window.since, window.until, later=False, whole=False)
    repo = _runs.repo_id if scope.single else _REPO
    return select(repo, later, *_MEASURED).where(_counted(scope, piece)).group_by(repo, later)


def _runs_of(scope: Scope, piece: Piece) -> Select[Any]:
    later = literal(int(piece.later)).label("later")
    return select(_REPO, later, *_MEASURED).where(_counted(scope, piece)).group_by(_REPO)


def _days_of(scope: Scope, piece: Piece) -> Select[Any]:
    days = run_daily.c
    end = () if piece.end is None else (days.day < piece.end,)
    return (
        select(days.repo_id, literal(int(piece.later)).label("later"), *_SUMMED)
        .where(scope.within(days), days.day >= piece.start, *end)
        .group_by(days.repo_id)
    )


def _all_runs(scope: Scope, piece: Piece) -> Select[Any]:
    return select(*_MEASURED).where(_counted(scope, piece))


def _all_days(scope: Scope, piece: Piece) -> Select[Any]:
    end = () if piece.end is None else (run_daily.c.day < piece.end,)
    return select(*_SUMMED).where(scope.within(run_daily.c), run_daily.c.day >= piece.start, *end)


def _counted(scope: Scope, piece: Piece) -> ColumnElement[bool]:
    end = () if piece.end is None else (_runs.completed_at < piece.end,)
    return and_(scope.within(_runs), _LATEST_COUNTED, _runs.completed_at >= piece.start, *end)


def _add(counts: dict[int, tuple[int, int]], at: int, runs: int, failed: int) -> None:
    counts[at] = (counts[at][0] + runs, counts[at][1] + failed)
