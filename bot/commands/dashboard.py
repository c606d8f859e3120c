"""`/pipeline dashboard`: everything about this repository on one screen."""

from __future__ import annotations

from bot.commands.asked import REPO_OR_ALL, TIME_RANGE, question_asked, time_range_asked
from bot.commands.spec import Command, CommandContext, Invocation
from bot.dashboard import PipelineDashboard
from bot.render.dashboard import dashboard_markdown


async def run(context: CommandContext, invocation: Invocation) -> str:
    """Health, trend, alerts, what runs, what failed, what to mend first."""
    time_range_asked(invocation)
    async with context.database.read() as conn:
        asked = await question_asked(conn, context, invocation)
        return dashboard_markdown(await PipelineDashboard(conn).dashboard(asked))


COMMAND = Command(
    name="dashboard",
    summary="Shows health, trend, alerts, what runs, what failed and what to mend first.",
    run=run,
    options=(TIME_RANGE, REPO_OR_ALL),
    examples=("/pipeline dashboard", "/pipeline dashboard --time-range 7d"),
)
