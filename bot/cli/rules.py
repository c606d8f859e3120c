"""`pipeline rules`: how the rules fare where they are used."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.output import say
from bot.cli.reading import read

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.model import Repository
    from storage.rule_tallies import RuleTally

LEAST_HITS = 5
"""Fewer hits say nothing of a rule's accuracy."""
_NAMED = 30
_NO_RULE = "(no rule)"


class _Format(StrEnum):
    TEXT = "text"
    JSON = "json"


def rules(
    worst: Annotated[
        bool,
        typer.Option("--worst", help=f"What people correct most first; only rules with {LEAST_HITS} hits or more."),
    ] = False,
    repo: Annotated[str | None, typer.Option(help="Only this repository (owner/name).")] = None,
    format: Annotated[_Format, typer.Option(help="How to print it.")] = _Format.TEXT,  # noqa: A002
) -> None:
    """What each rule decided, and what people and re-runs said to that; which rules never fired."""
    from storage.rule_tallies import by_rule
    from storage.scopes import everything, of_repository

    async def work(conn: AsyncConnection, known: Repository | None) -> list[RuleTally]:
        return await by_rule(conn, await everything(conn) if known is None else of_repository(known))

    empty: list[RuleTally] = []
    found = read(repo, work, lambda: empty)
    silent = _never_fired(found)
    shown = _worst(found) if worst else found
    if format is _Format.JSON:
        say(json.dumps(_json(shown, silent)))
    else:
        _print(shown, silent, worst=worst)


def _worst(found: Sequence[RuleTally]) -> list[RuleTally]:
    enough = [one for one in found if one.hits >= LEAST_HITS and one.rule]
    return sorted(enough, key=lambda one: (-one.corrected_share, -one.hits, one.rule))


def _never_fired(found: Sequence[RuleTally]) -> list[str]:
    from classifiers.builtin import builtin_rules
    from classifiers.rules import SILENT

    fired = {one.rule for one in found}
    return [rule.id for rule in builtin_rules().rules if rule.role not in SILENT and rule.id not in fired]


def _json(found: Sequence[RuleTally], silent: Sequence[str]) -> dict[str, Any]:
    from classifiers.builtin import builtin_rules, builtin_version

    built_in = {rule.id for rule in builtin_rules().rules}
    return {
        "rule_set": builtin_version(),
        "rules": [
            {
                "rule": one.rule or None,
                "built_in": one.rule in built_in,
                "hits": one.hits,
                "corrected": one.corrected,
                "corrected_share": round(one.corrected_share, 3),
                "passed_again": one.passed_again,
                "muted": one.muted,
                "last_seen": datetime.fromtimestamp(one.last_seen, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            for one in found
        ],
        "never_fired": list(silent),
    }


def _print(found: Sequence[RuleTally], silent: Sequence[str], *, worst: bool) -> None:
    from bot.cli.tables import safe, table
    from bot.render.failure import day

    rows = [
        (
            safe(one.rule or _NO_RULE),
            f"{one.hits:,}",
            f"{one.corrected:,}" + (f" ({one.corrected_share:.0%})" if one.corrected else ""),
            f"{one.passed_again:,}",
            f"{one.muted:,}",
            day(one.last_seen),
        )
        for one in found
    ]
    title = f"Rules that people correct most ({LEAST_HITS} hits or more)" if worst else "Rules by what they decided"
    table(title, ("Rule", "Hits", "Corrected", "Passed again", "Muted", "Last seen"), rows, right=(1, 2, 3, 4))
    if not rows:
        say(f"No rule has {LEAST_HITS} hits yet." if worst else "No failure is recorded yet.")
    named = ", ".join(silent[:_NAMED]) + (f" and {len(silent) - _NAMED:,} more" if len(silent) > _NAMED else "")
    say(f"{len(silent):,} rules never fired" + (f": {named}." if silent else "."))
