"""How the rules fare where they are used: what each decided, and what people and re-runs said to that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, exists, func, select

from storage.tables import corrections, mutes, pipeline_failures, pipeline_runs

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.scopes import Scope

_failures = pipeline_failures.c


@dataclass(frozen=True, slots=True)
class RuleTally:
    """What became of the failures that one rule decided."""

    rule: str
    """Empty: no rule decided."""
    hits: int
    corrected: int
    """Of those, of another category by a person's word."""
    passed_again: int
    """Of those, passed later on the very commit on which they failed."""
    muted: int
    """Of those, muted now."""
    last_seen: int

    @property
    def corrected_share(self) -> float:
        """0 to 1."""
        return self.corrected / self.hits if self.hits else 0.0


async def by_rule(conn: AsyncConnection, scope: Scope) -> list[RuleTally]:
    """One for every rule that decided a stored failure of the scope, the most hits first."""
    rule = func.coalesce(_failures.rule, "").label("rule")
    query = (
        select(
            rule,
            func.count(),
            _number(_corrected()),
            _number(_passed_again()),
            _number(_muted()),
            func.max(_failures.detected_at),
        )
        .where(scope.within(_failures))
        .group_by(rule)
    )
    found = [RuleTally(row[0], int(row[1]), *map(int, row[2:])) for row in await conn.execute(query)]
    return sorted(found, key=lambda one: (-one.hits, one.rule))


def _number(which: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((which, 1), else_=0))


def _corrected() -> ColumnElement[bool]:
    said = corrections.c
    return exists().where(
        said.repo_id == _failures.repo_id,
        said.fingerprint == _failures.fingerprint,
        said.rule == func.coalesce(_failures.rule, ""),
        said.category != said.was,
    )


def _passed_again() -> ColumnElement[bool]:
    mender = pipeline_runs.alias("mender").c
    there = exists().where(
        mender.repo_id == _failures.repo_id,
        mender.run_id == _failures.resolved_run_id,
        mender.commit == _failures.commit,
    )
    return and_(_failures.resolved_run_id.is_not(None), there)


def _muted() -> ColumnElement[bool]:
    return exists().where(mutes.c.repo_id == _failures.repo_id, mutes.c.fingerprint == _failures.fingerprint)
