"""`/pipeline patterns`: what fails again and again."""

from __future__ import annotations

from bot.commands.asked import REPO_OR_ALL, scope_asked
from bot.commands.spec import Command, CommandContext, Invocation, Option
from bot.dashboard import PipelineDashboard, days_within
from bot.errors import UserError
from bot.render.patterns import patterns_markdown


async def run(context: CommandContext, invocation: Invocation) -> str:
    """Failures seen at least twice, and lately."""
    try:
        days = days_within(int(invocation.options["days"]))
    except ValueError as error:
        raise UserError(f"--days {error}.") from error
    async with context.database.read() as conn:
        scope, name = await scope_asked(conn, context, invocation)
        found = await PipelineDashboard(conn).patterns(scope, context.now, days)
    return patterns_markdown(found, repository=name, days=days)


COMMAND = Command(
    name="patterns",
    summary="Lists the failures that recur, what took most runner time first.",
    run=run,
    options=(Option("days", "how many days to look back", default=30, value="N"), REPO_OR_ALL),
    examples=("/pipeline patterns", "/pipeline patterns --days 90"),
)
