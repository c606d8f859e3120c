"""`/pipeline status`: what runs now."""

from __future__ import annotations

from bot.commands.asked import REPO, repository_asked
from bot.commands.spec import Command, CommandContext, Invocation
from bot.dashboard import PipelineDashboard
from bot.render.status import status_markdown


async def run(context: CommandContext, invocation: Invocation) -> str:
    """Runs in progress, since when, and how long such runs take when they pass."""
    async with context.database.read() as conn:
        repo = await repository_asked(conn, context, invocation)
        return status_markdown(await PipelineDashboard(conn).status(repo, context.now))


COMMAND = Command(
    name="status",
    summary="Shows what runs now, since when, and how long it usually takes.",
    run=run,
    options=(REPO,),
    examples=("/pipeline status",),
)
