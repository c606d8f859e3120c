"""Installations of the App and the repositories they reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select, update

from storage.model import Installation, Repository
from storage.rows import build, columns_of, insert_into, names_of, values_of
from storage.tables import installations, repositories

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

_repos = repositories.c


async def save_installation(tx: AsyncConnection, installation: Installation) -> None:
    """Stores an installation as it is now; one that was removed is there again."""
    insert = insert_into(tx, installations).values(values_of(installation))
    learnt = {name: insert.excluded[name] for name in names_of(Installation) if name != "id"}
    await tx.execute(insert.on_conflict_do_update(index_elements=["id"], set_=learnt))


async def suspend(tx: AsyncConnection, installation_id: int, at: int | None) -> None:
    """Notes that an installation is suspended since `at`, or with None that it is not any more."""
    statement = update(installations).where(installations.c.id == installation_id)
    await tx.execute(statement.values(suspended_at=at))


async def remove_installation(tx: AsyncConnection, installation_id: int, at: int) -> None:
    """Notes that an installation and with it its repositories are gone; their history stays."""
    gone = update(installations).where(installations.c.id == installation_id)
    await tx.execute(gone.values(removed_at=at))
    theirs = update(repositories).where(_repos.installation_id == installation_id, _repos.removed_at.is_(None))
    await tx.execute(theirs.values(removed_at=at))


async def save_repositories(tx: AsyncConnection, found: Sequence[Repository]) -> None:
    """Stores repositories as they are now. The id is GitHub's, so a renamed one keeps its history.

    Payloads of installation events do not name the default branch: an empty one keeps what is known.
    """
    if not found:
        return
    insert = insert_into(tx, repositories)
    learnt = {name: insert.excluded[name] for name in names_of(Repository) if name != "id"}
    await tx.execute(
        insert.on_conflict_do_update(
            index_elements=["id"],
            set_=learnt | {"default_branch": _known_or(insert.excluded.default_branch, _repos.default_branch)},
        ),
        [values_of(repository) for repository in found],
    )


async def remove_repositories(tx: AsyncConnection, ids: Collection[int], at: int) -> None:
    """Notes that repositories are out of reach since `at`."""
    await tx.execute(update(repositories).where(_repos.id.in_(ids)).values(removed_at=at))


async def installation(conn: AsyncConnection, installation_id: int) -> Installation | None:
    """An installation, removed and suspended ones included."""
    query = select(*columns_of(installations, Installation)).where(installations.c.id == installation_id)
    return next(iter(build(Installation, await conn.execute(query))), None)


async def repository(conn: AsyncConnection, repo_id: int) -> Repository | None:
    """A repository by its id, removed ones included."""
    query = _repositories().where(_repos.id == repo_id)
    return next(iter(build(Repository, await conn.execute(query))), None)


async def repository_named(conn: AsyncConnection, full_name: str) -> Repository | None:
    """A repository by its present name, case aside as on GitHub; where a name was given anew, the one in reach."""
    query = _repositories().where(func.lower(_repos.full_name) == full_name.lower())
    found = build(Repository, await conn.execute(query))
    return min(found, key=lambda one: (one.removed_at is not None, -one.id), default=None)


async def names(conn: AsyncConnection, ids: Collection[int]) -> dict[int, str]:
    """The present names of repositories that are known, removed ones included."""
    query = select(_repos.id, _repos.full_name).where(_repos.id.in_(ids))
    return {row.id: row.full_name for row in await conn.execute(query)}


async def newest_name(conn: AsyncConnection) -> str | None:
    """The present name of the repository that came into reach last."""
    query = select(_repos.full_name).where(_repos.removed_at.is_(None)).order_by(_repos.id.desc()).limit(1)
    name: str | None = (await conn.execute(query)).scalar_one_or_none()
    return name


async def repositories_of(conn: AsyncConnection, installation_id: int) -> list[Repository]:
    """The repositories an installation reaches now, by name."""
    query = _repositories().where(_repos.installation_id == installation_id, _repos.removed_at.is_(None))
    return build(Repository, await conn.execute(query.order_by(_repos.full_name)))


def _repositories() -> Select[Any]:
    return select(*columns_of(repositories, Repository))


def _known_or(new: Any, old: Any) -> Any:
    return func.coalesce(func.nullif(new, ""), old)
