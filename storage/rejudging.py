"""Takes in what newer rules say of stored failures; history, patterns, rollups and people's words follow."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, not_, select, tuple_, update

from storage import failures, history, patterns, runs, words
from storage.model import Failure
from storage.relearn import OWN
from storage.rows import names_of
from storage.tables import corrections, issues, mutes, pipeline_failures, pipeline_runs, wakes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncConnection

_failures = pipeline_failures.c
_KEY = (_failures.repo_id, _failures.run_id, _failures.run_attempt, _failures.job_id)
PAGE = 500
Key = tuple[int, int, int, int]
"""Repository, run, attempt, job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A failure that other rules judged, with what its severity depends on."""

    failure: Failure
    category: str
    """What the rules had said, whatever people corrected it to."""
    default_branch: bool
    fork: bool

    @property
    def key(self) -> Key:
        """Its key in the table."""
        one = self.failure
        return (one.repo_id, one.run_id, one.run_attempt, one.job_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVerdict:
    """What today's rules say of one stored failure."""

    key: Key
    was: str
    """Its fingerprint until now; where it has another by then, nothing is changed."""
    category: str
    severity: str
    confidence: float
    rule: str | None
    tool: str | None
    message: str
    fingerprint: str
    generic: bool
    path: str | None
    line: int | None
    suggestions: tuple[str, ...]
    reasons: tuple[str, ...]


async def judged_otherwise(conn: AsyncConnection, version: str, since: int) -> AsyncIterator[list[Stored]]:
    """Failures detected at or after `since` that rules of another version judged, in pages.

    A repository's own rules are not kept, so what they decided stays.
    """
    last: Key = (0, 0, 0, -1)
    while True:
        rows = (await conn.execute(_page(version, since, last))).all()
        if not rows:
            return
        found = [_stored(row) for row in rows]
        yield found
        last = found[-1].key


def _page(version: str, since: int, last: Key) -> Any:
    ours = and_(
        pipeline_runs.c.repo_id == _failures.repo_id,
        pipeline_runs.c.run_id == _failures.run_id,
        pipeline_runs.c.run_attempt == _failures.run_attempt,
    )
    said = and_(corrections.c.repo_id == _failures.repo_id, corrections.c.fingerprint == _failures.fingerprint)
    columns = [_failures[name] for name in names_of(Failure)]
    more = (pipeline_runs.c.default_branch.label("on_default"), pipeline_runs.c.fork, corrections.c.was)
    return (
        select(*columns, *more)
        .join_from(pipeline_failures, pipeline_runs, ours)
        .join(corrections, said, isouter=True)
        .where(
            _failures.rule_set != version,
            _failures.detected_at >= since,
            not_(func.coalesce(_failures.rule, "").startswith(OWN)),
            tuple_(*_KEY) > tuple_(*last),
        )
        .order_by(*_KEY)
        .limit(PAGE)
    )


def _stored(row: Any) -> Stored:
    values = dict(row._mapping)
    default_branch, fork, was = values.pop("on_default"), values.pop("fork"), values.pop("was")
    failure = Failure(**values)
    return Stored(
        failure=failure, category=was or failure.category, default_branch=bool(default_branch), fork=bool(fork)
    )


async def mark(tx: AsyncConnection, keys: Sequence[Key], version: str) -> None:
    """Notes that rules of this version say the same."""
    for start in range(0, len(keys), PAGE):
        some = tuple_(*_KEY).in_([tuple(key) for key in keys[start : start + PAGE]])
        await tx.execute(update(pipeline_failures).where(some).values(rule_set=version))


async def apply(tx: AsyncConnection, verdicts: Sequence[NewVerdict], version: str) -> int:
    """Stores new verdicts; how many failures they changed. A category that people gave is shown on."""
    by_run: dict[tuple[int, int, int], list[NewVerdict]] = defaultdict(list)
    for verdict in verdicts:
        by_run[verdict.key[:3]].append(verdict)
    changed = 0
    for (repo_id, run_id, attempt), new in sorted(by_run.items()):
        changed += await _apply_to_run(tx, (repo_id, run_id, attempt), new, version)
    return changed


async def _apply_to_run(tx: AsyncConnection, key: tuple[int, int, int], new: Sequence[NewVerdict], version: str) -> int:
    repo_id, run_id, attempt = key
    run = await runs.run(tx, repo_id, run_id, attempt)
    if run is None:
        return 0
    known = {one.job_id: one for one in await failures.failures_of_run(tx, repo_id, run_id, attempt)}
    due = [(known[one.key[3]], one) for one in new if one.key[3] in known and known[one.key[3]].fingerprint == one.was]
    said = await words.corrected(tx, repo_id, {old.fingerprint for old, _ in due})
    replaced = []
    for old, verdict in due:
        word = said.get(old.fingerprint)
        one = _replaced(old, verdict, version)
        # What a person said is what is shown, and how grave it is with it.
        replaced.append(one if word is None else replace(one, category=word.category, severity=old.severity))
    await history.learn(tx, run, (), replaced)
    for old, verdict in due:
        if old.fingerprint in said:
            await _rules_said(tx, repo_id, old.fingerprint, verdict)
        if old.fingerprint != verdict.fingerprint:
            await _take_along(tx, old, verdict.fingerprint)
    return len(replaced)


def _replaced(old: Failure, new: NewVerdict, version: str) -> Failure:
    return replace(
        old,
        category=new.category,
        severity=new.severity,
        confidence=new.confidence,
        rule=new.rule,
        tool=new.tool,
        message=new.message,
        fingerprint=new.fingerprint,
        generic=new.generic,
        path=new.path,
        line=new.line,
        suggestions=tuple(new.suggestions),
        reasons=tuple(new.reasons),
        runners_up=(),
        rule_set=version,
    )


async def _rules_said(tx: AsyncConnection, repo_id: int, fingerprint: str, verdict: NewVerdict) -> None:
    which = and_(corrections.c.repo_id == repo_id, corrections.c.fingerprint == fingerprint)
    await tx.execute(update(corrections).where(which).values(was=verdict.category, rule=verdict.rule or ""))


async def _take_along(tx: AsyncConnection, old: Failure, new: str) -> None:
    """What hangs on an identity follows once no failure of the repository has it any more."""
    left = select(func.count()).where(_failures.repo_id == old.repo_id, _failures.fingerprint == old.fingerprint)
    if (await tx.execute(left)).scalar_one():
        return
    for table in (issues, mutes, wakes, corrections):
        await _follow(tx, table, old, new)
    for fingerprint in (old.fingerprint, new):
        still = select(func.count()).where(
            mutes.c.installation_id == old.installation_id, mutes.c.fingerprint == fingerprint
        )
        if (await tx.execute(still)).scalar_one():
            await patterns.set_muted(tx, old.installation_id, fingerprint, muted=True)
        elif fingerprint == old.fingerprint:
            await patterns.set_muted(tx, old.installation_id, fingerprint, muted=False)
    await patterns.refresh(tx, old.installation_id, {old.fingerprint, new})


async def _follow(tx: AsyncConnection, table: Table, old: Failure, new: str) -> None:
    taken = select(table.c.repo_id).where(table.c.fingerprint == new)
    here = and_(table.c.repo_id == old.repo_id, table.c.fingerprint == old.fingerprint, table.c.repo_id.not_in(taken))
    await tx.execute(update(table).where(here).values(fingerprint=new))
