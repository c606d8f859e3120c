"""Whose runs and failures a question is about: whole installations, or some of their repositories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, func, select

from storage.tables import NO, YES, pipeline_runs, repositories

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.model import Repository


@dataclass(frozen=True, slots=True)
class Scope:
    """Installations by id, and of their repositories those named, or all where None."""

    installation_ids: tuple[int, ...]
    repo_ids: tuple[int, ...] | None = None

    @property
    def single(self) -> bool:
        """Whether it is one repository."""
        return self.repo_ids is not None and len(self.repo_ids) == 1

    def within(self, columns: Any) -> ColumnElement[bool]:
        """The condition on a table with `installation_id` and `repo_id`.

        One repository is asked for by its id alone: it may have changed hands, and its history stays its own.
        """
        repos = None if self.repo_ids is None else _one_of(columns.repo_id, self.repo_ids)
        if repos is not None and self.single:
            return repos
        theirs = _one_of(columns.installation_id, self.installation_ids)
        return theirs if repos is None else and_(theirs, repos)


def of_repository(repo: Repository) -> Scope:
    """One repository."""
    return Scope((repo.installation_id,), (repo.id,))


async def visible_from(conn: AsyncConnection, repo: Repository) -> Scope:
    """What readers of `repo` may know of its installation: `repo` itself and the public ones."""
    query = select(repositories.c.id).where(
        repositories.c.installation_id == repo.installation_id,
        repositories.c.private == NO,
        repositories.c.removed_at.is_(None),
    )
    public = set((await conn.execute(query)).scalars())
    return Scope((repo.installation_id,), tuple(sorted(public | {repo.id})))


async def everything(conn: AsyncConnection) -> Scope:
    """Every installation of which a run is recorded. One look into the index an installation."""
    runs = pipeline_runs.c
    smallest = select(func.min(runs.installation_id).label("id")).where(runs.latest == YES)
    known = smallest.cte("known", recursive=True)
    following = (
        select(func.min(runs.installation_id))
        .where(runs.latest == YES, runs.installation_id > known.c.id)
        .scalar_subquery()
    )
    known = known.union_all(select(following).where(known.c.id.is_not(None)))
    ids = (await conn.execute(select(known.c.id).where(known.c.id.is_not(None)))).scalars()
    return Scope(tuple(ids))


def _one_of(column: ColumnElement[int], ids: tuple[int, ...]) -> ColumnElement[bool]:
    return column == ids[0] if len(ids) == 1 else column.in_(ids)
