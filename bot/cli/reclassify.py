"""`pipeline reclassify`: stored failures read again by today's rules."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.output import Failed, load_settings, note, run_async, say

if TYPE_CHECKING:
    from bot.rereading import Reread
    from bot.settings import Settings
    from storage.rejudging import Key, NewVerdict

AT_ONCE = 50
"""Verdicts of one order to the database."""
EXAMPLES = 2


class _Format(StrEnum):
    TEXT = "text"
    JSON = "json"


@dataclass
class _Change:
    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass
class _Outcome:
    """What reading again came to."""

    version: str
    read: int = 0
    changed: int = 0
    message_only: int = 0
    corrected: int = 0
    changes: dict[tuple[str, str], _Change] = field(default_factory=dict)
    verdicts: list[NewVerdict] = field(default_factory=list)
    same: list[Key] = field(default_factory=list)

    def add(self, one: Reread) -> None:
        """Counts it, and keeps it to be applied."""
        self.read += 1
        self.message_only += one.message_only
        if one.verdict is None:
            self.same.append(one.stored.key)
            return
        failure, new = one.stored.failure, one.verdict
        self.changed += 1
        self.corrected += failure.category != one.stored.category
        before = f"{one.stored.category} ({failure.rule or 'no rule'})"
        change = self.changes.setdefault((before, f"{new.category} ({new.rule or 'no rule'})"), _Change())
        change.count += 1
        if len(change.examples) < EXAMPLES:
            change.examples.append(f"{failure.repository} run {failure.run_id} {failure.job}: {new.message}")
        self.verdicts.append(new)


def reclassify(
    since: Annotated[str | None, typer.Option(help="Only failures of this time: 24h, 30d, 4w.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    format: Annotated[_Format, typer.Option(help="How to print it.")] = _Format.TEXT,  # noqa: A002
) -> None:
    """Read stored failures again by today's rules, show which verdicts change, and store them."""
    from bot.cli.reading import now, seconds_of

    begin = 0
    if since is not None:
        try:
            begin = now() - seconds_of(since)
        except Failed as error:
            raise Failed(str(error).replace("--time-range", "--since"), 2) from error
    outcome = run_async(_reclassify(load_settings(), begin, dry_run=dry_run))
    if format is _Format.JSON:
        say(json.dumps(_json(outcome, dry_run=dry_run)))
    else:
        _print(outcome, dry_run=dry_run)


async def _reclassify(settings: Settings, since: int, *, dry_run: bool) -> _Outcome:
    from bot.cli.ordering import ordered
    from bot.orders import Rejudge

    outcome = await _read(settings, since)
    if dry_run:
        return outcome
    changed = 0
    verdicts, same = outcome.verdicts, outcome.same
    for start in range(0, max(len(verdicts), len(same)), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        order = Rejudge(version=outcome.version, verdicts=tuple(verdicts[part]), same=tuple(same[part]))
        changed += await ordered(settings, order)
    if changed < outcome.changed:
        note(f"pipeline: {outcome.changed - changed} failures were judged anew meanwhile and were left alone")
    outcome.changed = changed
    return outcome


async def _read(settings: Settings, since: int) -> _Outcome:
    from bot.rereading import reread
    from classifiers.builtin import builtin_rules, builtin_version
    from storage.database import Database
    from storage.errors import NoDatabase, StorageError
    from storage.rejudging import judged_otherwise

    outcome, rules = _Outcome(builtin_version()), builtin_rules()
    try:
        database = await Database.open(settings.database_url, readonly=True)
    except NoDatabase as error:
        note(f"pipeline: {error}")
        return outcome
    except StorageError as error:
        raise Failed(str(error)) from error
    try:
        async with database.read() as conn:
            async for page in judged_otherwise(conn, outcome.version, since):
                for stored in page:
                    outcome.add(reread(stored, rules))
    finally:
        await database.close()
    return outcome


def _ranked(outcome: _Outcome) -> Sequence[tuple[tuple[str, str], _Change]]:
    return sorted(outcome.changes.items(), key=lambda item: (-item[1].count, item[0]))


def _json(outcome: _Outcome, *, dry_run: bool) -> dict[str, Any]:
    return {
        "rule_set": outcome.version,
        "dry_run": dry_run,
        "read": outcome.read,
        "changed": outcome.changed,
        "message_only": outcome.message_only,
        "corrected": outcome.corrected,
        "changes": [
            {"from": before, "to": after, "count": change.count, "examples": change.examples}
            for (before, after), change in _ranked(outcome)
        ],
    }


def _print(outcome: _Outcome, *, dry_run: bool) -> None:
    from bot.cli.tables import safe, table

    rows = [
        (f"{change.count:,}", safe(before), safe(after), safe(change.examples[0], 100))
        for (before, after), change in _ranked(outcome)
    ]
    table(f"Verdicts that rule set {outcome.version} changes", ("Times", "From", "To", "Example"), rows, right=(0,))
    say(
        f"{outcome.read:,} failures of other rule sets read again, {outcome.changed:,} "
        f"{'would change' if dry_run else 'changed'}. Logs are not kept: it is the stored excerpts that were read"
        + (f", and of {outcome.message_only:,} only the message is left." if outcome.message_only else ".")
    )
    if outcome.corrected:
        say(f"{outcome.corrected:,} of them keep the category that people gave them.")
    if dry_run and outcome.read:
        say("Nothing was stored. Without --dry-run it is.")
