"""`/pipeline notify [FINGERPRINT]`: the notice now, whatever the threshold."""

from __future__ import annotations

from bot.actions import Notify
from bot.commands.spec import Command, CommandContext, Invocation, Reply, Who
from bot.commands.target import takes_fingerprint, target
from bot.render.requests import notified_markdown


async def run(context: CommandContext, invocation: Invocation) -> Reply:
    """An issue, or the pull request's comment, for a failure that has not crossed the threshold."""
    named, _ = takes_fingerprint(invocation.arguments)
    async with context.database.read() as conn:
        failure = await target(conn, context, named)
    return Reply(notified_markdown(failure), (Notify((failure.fingerprint,)),))


COMMAND = Command(
    name="notify",
    summary="Makes the notice of a failure now, whatever the threshold.",
    run=run,
    arguments="[FINGERPRINT]",
    examples=("/pipeline notify",),
    who=Who.WRITE,
)
