"""`/pipeline health`: how the runs of this repository went in a time range."""

from __future__ import annotations

from bot.commands.asked import REPO_OR_ALL, TIME_RANGE, question_asked, time_range_asked
from bot.commands.spec import Command, CommandContext, Invocation
from bot.dashboard import PipelineDashboard
from bot.render.health import health_markdown


async def run(context: CommandContext, invocation: Invocation) -> str:
    """The health of the repository in which the comment stands, or of another that its readers may see."""
    time_range_asked(invocation)
    async with context.database.read() as conn:
        asked = await question_asked(conn, context, invocation)
        return health_markdown(await PipelineDashboard(conn).health(asked))


COMMAND = Command(
    name="health",
    summary="Shows how many runs succeeded, and how long they took.",
    run=run,
    options=(TIME_RANGE, REPO_OR_ALL),
    examples=("/pipeline health", "/pipeline health --time-range 7d"),
)
