"""`/pipeline health`: how the runs of this repository went in a time range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.commands.spec import Command, CommandContext, Invocation, Option
from bot.errors import UserError
from bot.render.health import health_markdown
from bot.time_range import TimeRangeError, parse, window
from storage import dashboards, installations

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


async def run(context: CommandContext, invocation: Invocation) -> str:
    """The health of the repository in which the comment stands, or of another that its readers may see."""
    time_range = str(invocation.options["time-range"]).strip().lower()
    try:
        seconds = parse(time_range)
    except TimeRangeError as error:
        raise UserError(f"{error}.") from error
    here = context.repository
    since, until = window(seconds, context.now)
    async with context.database.read() as connection:
        repo_id, name = here.id, here.full_name
        if "repo" in invocation.options:
            repo_id, name = await _other(connection, context, str(invocation.options["repo"]))
        health = await dashboards.health(
            connection,
            since=since,
            until=until,
            time_range=time_range,
            repo_id=repo_id,
            repository=name,
            installation_id=here.installation_id,
        )
    return health_markdown(health)


async def _other(connection: AsyncConnection, context: CommandContext, name: str) -> tuple[int, str]:
    """Id and name of the repository asked for; one that readers here may not see is as good as absent."""
    here = context.repository
    if name.lower() == here.full_name.lower():
        return here.id, here.full_name
    other = await installations.repository_named(connection, name)
    if not other or other.private or other.removed_at or other.installation_id != here.installation_id:
        raise UserError(f"{name[:140]} is not available here. Ask for {here.full_name}, or for a public repository.")
    return other.id, other.full_name


COMMAND = Command(
    name="health",
    summary="Shows how many runs succeeded, and how long they took.",
    run=run,
    options=(
        Option("time-range", "how far to look back: 30m, 24h, 7d, 2w", default="24h", value="RANGE"),
        Option("repo", "another public repository of this account", value="OWNER/NAME"),
    ),
    examples=("/pipeline health", "/pipeline health --time-range 7d"),
)
