"""Our issues on GitHub, by what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, select, update

from storage.model import Issue
from storage.rows import build, columns_of, insert_into, names_of, values_of
from storage.tables import failure_patterns, issues, repositories

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection

_issues = issues.c
_KEY = ("repo_id", "fingerprint", "number")


async def save(tx: AsyncConnection, issue: Issue) -> None:
    """Stores an issue as it is now."""
    insert = insert_into(tx, issues).values(values_of(issue))
    learnt = {name: insert.excluded[name] for name in values_of(issue) if name not in _KEY}
    await tx.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=learnt))


async def set_state(tx: AsyncConnection, repo_id: int, number: int, state: str, closed_at: int | None) -> bool:
    """Follows somebody closing or reopening one of our issues; False if it is none of ours."""
    statement = (
        update(issues)
        .where(_issues.repo_id == repo_id, _issues.number == number)
        .values(state=state, closed_at=closed_at)
        .returning(_issues.number)
    )
    return bool((await tx.execute(statement)).all())


async def newest(conn: AsyncConnection, repo_id: int, fingerprint: str) -> Issue | None:
    """The last issue opened for a fingerprint, whatever its state."""
    query = _query().where(_issues.repo_id == repo_id, _issues.fingerprint == fingerprint)
    return await _first(conn, query.order_by(_issues.number.desc()))


async def by_number(conn: AsyncConnection, repo_id: int, number: int) -> Issue | None:
    """One of our issues, None if the number is somebody else's; an outage issue has several fingerprints."""
    query = _query().where(_issues.repo_id == repo_id, _issues.number == number)
    return await _first(conn, query.order_by(_issues.fingerprint))


async def all_of_number(conn: AsyncConnection, repo_id: int, number: int) -> list[Issue]:
    """Every fingerprint that an issue stands for."""
    query = _query().where(_issues.repo_id == repo_id, _issues.number == number)
    return build(Issue, await conn.execute(query.order_by(_issues.fingerprint)))


async def members(conn: AsyncConnection, repo_id: int, effect_key: str) -> tuple[str, ...]:
    """The fingerprints of the issue that the ledger keeps under a key."""
    query = select(_issues.fingerprint).where(_issues.repo_id == repo_id, _issues.effect_key == effect_key)
    return tuple((await conn.execute(query.order_by(_issues.fingerprint))).scalars())


async def numbers(conn: AsyncConnection, repo_id: int) -> frozenset[int]:
    """The numbers of all issues of ours in a repository."""
    return frozenset((await conn.execute(select(_issues.number).where(_issues.repo_id == repo_id))).scalars())


async def opened_since(conn: AsyncConnection, repo_id: int, since: int) -> int:
    """How many issues were opened in a repository at or after `since`."""
    query = select(func.count(_issues.number.distinct())).where(_issues.repo_id == repo_id, _issues.opened_at >= since)
    return int((await conn.execute(query)).scalar_one())


async def open_issues(conn: AsyncConnection, repo_id: int) -> list[Issue]:
    """Our open issues of a repository, oldest first."""
    query = _query().where(_issues.repo_id == repo_id, _issues.state == "open")
    return build(Issue, await conn.execute(query.order_by(_issues.number, _issues.fingerprint)))


async def described(conn: AsyncConnection, repo_id: int, most: int) -> list[tuple[Issue, str]]:
    """The newest issues of a repository, each with the message of its failure as its pattern remembers it."""
    pattern = failure_patterns.c
    query = (
        select(*columns_of(issues, Issue), pattern.description)
        .join(repositories, repositories.c.id == _issues.repo_id)
        .join(
            failure_patterns,
            and_(pattern.installation_id == repositories.c.installation_id, pattern.fingerprint == _issues.fingerprint),
        )
        .where(_issues.repo_id == repo_id, _issues.kind == "failure")
        .order_by(_issues.number.desc())
        .limit(most)
    )
    rows = (await conn.execute(query)).all()
    names = names_of(Issue)
    return [(Issue(**{name: getattr(row, name) for name in names}), row.description) for row in rows]


def _query() -> Select[Any]:
    return select(*columns_of(issues, Issue))


async def _first(conn: AsyncConnection, query: Select[Any]) -> Issue | None:
    return next(iter(build(Issue, await conn.execute(query.limit(1)))), None)
