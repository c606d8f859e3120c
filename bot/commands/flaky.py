"""`/pipeline flaky`: what failed and then passed on the same commit."""

from __future__ import annotations

from bot.commands.asked import REPO, repository_asked
from bot.commands.spec import Command, CommandContext, Invocation
from bot.dashboard import PipelineDashboard
from bot.render.flaky import flaky_markdown
from storage.scopes import of_repository


async def run(context: CommandContext, invocation: Invocation) -> str:
    """Fingerprints that flipped on one commit in the last 7 days, with the proof."""
    async with context.database.read() as conn:
        repo = await repository_asked(conn, context, invocation)
        found = await PipelineDashboard(conn).flaky(of_repository(repo), context.now)
    return flaky_markdown(found, repository=repo.full_name)


COMMAND = Command(
    name="flaky",
    summary="Lists what failed and then passed on one commit in the last 7 days.",
    run=run,
    options=(REPO,),
    examples=("/pipeline flaky",),
)
