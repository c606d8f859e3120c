"""`/pipeline classify CATEGORY`: a person corrects the classifier."""

from __future__ import annotations

from bot.actions import Correct
from bot.commands.spec import Command, CommandContext, Invocation, Reply, Who
from bot.commands.target import takes_fingerprint, target
from bot.errors import UserError
from bot.render.requests import corrected_markdown
from classifiers.model import Category

CATEGORIES = tuple(category.value for category in Category if category is not Category.UNKNOWN)


async def run(context: CommandContext, invocation: Invocation) -> Reply:
    """Remembered for the fingerprint: what comes later is shown under that category, its identity stays."""
    named, rest = takes_fingerprint(invocation.arguments)
    if len(rest) != 1 or rest[0].lower() not in CATEGORIES:
        raise UserError(f"Name one category: {', '.join(CATEGORIES)}.")
    category = rest[0].lower()
    async with context.database.read() as conn:
        failure = await target(conn, context, named)
    request = Correct(failure.fingerprint, category, was=failure.category, rule=failure.rule or "")
    return Reply(corrected_markdown(failure, category), (request,))


COMMAND = Command(
    name="classify",
    summary="Corrects the category of a failure, and remembers it.",
    run=run,
    arguments="[FINGERPRINT] CATEGORY",
    examples=("/pipeline classify infrastructure",),
    who=Who.WRITE,
)
