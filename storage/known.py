"""Failures that people taught by a pattern: proposed, confirmed, counting in one repository, retired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, delete, exists, literal, select, update

from storage.model import Run
from storage.rows import build, columns_of, insert_into, values_of
from storage.runs import runs_query
from storage.tables import NO, YES, known_failures, pipeline_failures, pipeline_runs

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

LOOKING, PROPOSED, REFUSED, COUNTS, RETIRED, EXPIRED = (
    *("looking", "proposed", "refused"),
    *("counts", "retired", "expired"),
)
RULE = "known-"
"""What the id of the own rule begins with that such a pattern is."""
RETIRED_AFTER = 90 * 86_400
_known = known_failures.c
_failures = pipeline_failures.c
_runs = pipeline_runs.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A pattern that somebody taught. Times in epoch seconds."""

    repo_id: int
    id: str
    installation_id: int
    pattern: str
    category: str
    """Empty until it is known: that of most of the failures it matches, where nobody named one."""
    state: str
    """`looking`, `proposed`, `refused`, `counts`, `retired` (it stopped matching) or `expired` (nobody confirmed)."""
    by: str
    at: int
    issue_number: int
    """Where it was typed, and is answered."""
    matched: int = 0
    """Recorded failures it matched when it was looked at."""
    confirmed_by: str = ""
    confirmed_at: int = 0
    looks: int = 0
    """How often its answer was looked at for a thumbs-up."""
    next_look_at: int = 0

    @property
    def rule(self) -> str:
        """The id of the own rule that it is."""
        return f"{RULE}{self.id}"


@dataclass(frozen=True, slots=True)
class Words:
    """What is kept of a failure's log."""

    category: str
    message: str
    excerpt: str


async def save(tx: AsyncConnection, known: Known) -> None:
    """Stores it, or what became of it."""
    insert = insert_into(tx, known_failures).values(values_of(known))
    learnt = {name: insert.excluded[name] for name in values_of(known) if name not in ("repo_id", "id")}
    await tx.execute(insert.on_conflict_do_update(index_elements=["repo_id", "id"], set_=learnt))


async def taught(conn: AsyncConnection, repo_id: int) -> list[Known]:
    """Everything taught in a repository, the oldest first."""
    query = select(*columns_of(known_failures, Known)).where(_known.repo_id == repo_id)
    return build(Known, await conn.execute(query.order_by(_known.at, _known.id)))


async def remove(tx: AsyncConnection, repo_id: int, known_id: str) -> bool:
    """Forgets it; False if there was none."""
    gone = delete(known_failures).where(_known.repo_id == repo_id, _known.id == known_id).returning(_known.id)
    return (await tx.execute(gone)).first() is not None


async def due_looks(tx: AsyncConnection, now: int, limit: int, later: int) -> list[Known]:
    """Proposals whose answer is to be looked at now; each is given to one caller until `later`."""
    query = select(_known.repo_id, _known.id).where(_known.state == PROPOSED, _known.next_look_at <= now).limit(limit)
    found: list[Known] = []
    for repo_id, known_id in (await tx.execute(query)).all():
        mine = and_(_known.repo_id == repo_id, _known.id == known_id, _known.next_look_at <= now)
        taken = update(known_failures).where(mine).values(next_look_at=later)
        found += build(Known, await tx.execute(taken.returning(*columns_of(known_failures, Known))))
    return found


async def retire(tx: AsyncConnection, now: int) -> int:
    """Ends those that matched nothing for 90 days; how many."""
    since = now - RETIRED_AFTER
    matched = exists().where(
        _failures.repo_id == _known.repo_id,
        _failures.detected_at >= since,
        _failures.rule == literal(f"own/{RULE}", Text()).concat(_known.id),
    )
    silent = and_(_known.state == COUNTS, _known.confirmed_at < since, ~matched)
    ended = update(known_failures).where(silent).values(state=RETIRED).returning(_known.id)
    return len((await tx.execute(ended)).all())


async def recorded_words(conn: AsyncConnection, repo_id: int, limit: int) -> list[Words]:
    """What is kept of the logs of a repository's newest failures."""
    query = (
        select(_failures.category, _failures.message, _failures.excerpt)
        .where(_failures.repo_id == repo_id)
        .order_by(_failures.detected_at.desc())
        .limit(limit)
    )
    return [Words(*row) for row in await conn.execute(query)]


async def green_runs(conn: AsyncConnection, repo_id: int, limit: int) -> list[Run]:
    """The newest green runs of Actions in a repository, forks left out."""
    query: Any = (
        runs_query()
        .where(
            _runs.repo_id == repo_id,
            _runs.conclusion == "success",
            _runs.latest == YES,
            _runs.fork == NO,
            _runs.event != "check_suite",
        )
        .order_by(_runs.completed_at.desc())
    )
    return build(Run, await conn.execute(query.limit(limit)))
