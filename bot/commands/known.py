"""`/pipeline known [REGEX [CATEGORY]]`: failures that people teach by a pattern."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from bot.actions import ConfirmKnown, ForgetKnown, Teach
from bot.commands.classify import CATEGORIES
from bot.commands.spec import Command, CommandContext, Invocation, Reply, Who
from bot.errors import UserError
from bot.render.known import confirmed_markdown, list_markdown, looking_markdown, removed_markdown
from classifiers.model import OwnRule
from classifiers.own_rules import mistakes_of
from storage import known
from storage.known import COUNTS, LOOKING, PROPOSED, Known

LONGEST = 1_000
MOST_LIVE = 20
"""Patterns of a repository that count or may yet."""
_LIVE = frozenset({LOOKING, PROPOSED, COUNTS})


async def run(context: CommandContext, invocation: Invocation) -> str | Reply:
    """Without an argument the list; `confirm ID` and `remove ID`; anything else is a pattern to try."""
    words = invocation.arguments
    async with context.database.read() as conn:
        taught = await known.taught(conn, context.repository.id)
    if not words:
        return list_markdown(taught)
    if words[0] in {"confirm", "remove"} and len(words) == 2:
        return _settled(context, words[0], _named(taught, words[1]))
    return _proposed(context, words, taught)


def _named(taught: list[Known], known_id: str) -> Known:
    found = next((one for one in taught if one.id == known_id.strip("`").lower()), None)
    if found is None:
        raise UserError(f"Nothing taught here has the id {known_id[:40]!r}; `/pipeline known` lists what was.")
    return found


def _settled(context: CommandContext, verb: str, one: Known) -> Reply:
    if verb == "remove":
        return Reply(removed_markdown(one), (ForgetKnown(one.id),))
    if one.state != PROPOSED:
        raise UserError(f"{one.id} cannot be confirmed: it is {one.state}, not proposed.")
    counted = replace(one, confirmed_by=context.asker, confirmed_at=context.now, state=COUNTS)
    return Reply(confirmed_markdown(counted), (ConfirmKnown(one.id),))


def _proposed(context: CommandContext, words: tuple[str, ...], taught: list[Known]) -> Reply:
    pattern, rest = words[0], words[1:]
    category = rest[0].lower() if rest else ""
    if len(rest) > 1 or (category and category not in CATEGORIES):
        raise UserError(
            f"After the pattern one category may stand ({', '.join(CATEGORIES)}); quote a pattern with spaces."
        )
    if len(pattern) > LONGEST:
        raise UserError(f"The pattern is longer than {LONGEST:,} characters.")
    mistakes = mistakes_of(OwnRule("known", category or "unknown", pattern))
    if mistakes:
        raise UserError(f"This pattern is refused: {mistakes[0]}.")
    if sum(one.state in _LIVE for one in taught) >= MOST_LIVE:
        raise UserError(f"{MOST_LIVE} patterns are taught here already: remove one first.")
    if any(one.pattern == pattern and one.state in _LIVE for one in taught):
        raise UserError("This pattern is taught here already; `/pipeline known` lists it.")
    one = Known(
        repo_id=context.repository.id,
        id=hashlib.sha256(f"{pattern}\x1f{context.now}".encode()).hexdigest()[:6],
        installation_id=context.repository.installation_id,
        pattern=pattern,
        category=category,
        state=LOOKING,
        by=context.asker,
        at=context.now,
        issue_number=context.issue_number or 0,
    )
    return Reply(looking_markdown(one), (Teach(one),))


COMMAND = Command(
    name="known",
    summary="Teaches a known failure by a pattern, once somebody confirms what it matches; lists what was taught.",
    run=run,
    arguments="[REGEX [CATEGORY]|confirm ID|remove ID]",
    examples=(
        '/pipeline known "mirror .* timed out" infrastructure',
        "/pipeline known",
        "/pipeline known confirm 1a2b3c",
    ),
    who=Who.WRITE,
)
