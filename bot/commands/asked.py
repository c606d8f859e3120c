"""What reading commands have in common: which repository they speak of, and how far back."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.commands.spec import CommandContext, Invocation, Option
from bot.dashboard import Question
from bot.errors import UserError
from bot.time_range import TimeRangeError, parse
from storage import installations
from storage.model import Repository
from storage.scopes import Scope, of_repository, visible_from
from storage.windows import Window

ALL = "all"
"""`--repo all`: the repository itself and the public ones of its installation."""

TIME_RANGE = Option("time-range", "how far to look back: 30m, 24h, 7d, 2w", default="24h", value="RANGE")
REPO = Option("repo", "another public repository of this account", value="OWNER/NAME")
REPO_OR_ALL = Option("repo", "another public repository of this account, or `all` of them", value="OWNER/NAME")


async def repository_asked(conn: AsyncConnection, context: CommandContext, invocation: Invocation) -> Repository:
    """The repository in which the command stands, or the one named; see `repository_named`."""
    name = invocation.options.get("repo")
    return context.repository if name is None else await repository_named(conn, context, str(name))


async def repository_named(conn: AsyncConnection, context: CommandContext, name: str) -> Repository:
    """A repository that readers here may see; any other is as good as absent, and raises UserError."""
    here = context.repository
    if name.lower() == here.full_name.lower():
        return here
    other = await installations.repository_named(conn, name[:300])
    if not other or other.private or other.removed_at or other.installation_id != here.installation_id:
        raise UserError(f"{name[:140]} is not available here. Ask for {here.full_name}, or for a public repository.")
    return other


async def scope_asked(
    conn: AsyncConnection, context: CommandContext, invocation: Invocation
) -> tuple[Scope, str | None]:
    """The repositories a command speaks of, and the name where it is one."""
    if str(invocation.options.get("repo", "")).lower() == ALL:
        return await visible_from(conn, context.repository), None
    repo = await repository_asked(conn, context, invocation)
    return of_repository(repo), repo.full_name


async def question_asked(conn: AsyncConnection, context: CommandContext, invocation: Invocation) -> Question:
    """Scope and time window of a command with `--repo` and `--time-range`."""
    time_range, seconds = time_range_asked(invocation)
    scope, name = await scope_asked(conn, context, invocation)
    return Question(scope, name, time_range, Window(context.now - seconds, context.now))


def time_range_asked(invocation: Invocation) -> tuple[str, int]:
    """The time range as it is shown, and its seconds; UserError where it is none."""
    text = str(invocation.options["time-range"]).strip().lower()
    try:
        return text, parse(text)
    except TimeRangeError as error:
        raise UserError(f"{error}.") from error
