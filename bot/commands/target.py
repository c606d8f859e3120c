"""Which failure a command speaks of: the issue's own, the one named by its fingerprint, or the newest."""

from __future__ import annotations

import re

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.commands.spec import CommandContext
from bot.errors import UserError
from storage import failures, issues
from storage.model import Failure

FINGERPRINT = re.compile(r"^[0-9a-z]{1,4}-[0-9a-f]{8,64}$")


async def target(conn: AsyncConnection, context: CommandContext, fingerprint: str | None = None) -> Failure:
    """The newest occurrence of what is meant; UserError where there is none."""
    repo_id = context.repository.id
    if fingerprint is not None:
        found = await failures.occurrences(conn, repo_id, fingerprint, 1)
        if not found:
            raise UserError(f"No failure here has the fingerprint {fingerprint[:80]!r}.")
        return found[0]
    if context.issue_number is not None:
        for issue in await issues.all_of_number(conn, repo_id, context.issue_number):
            own = await failures.occurrences(conn, repo_id, issue.fingerprint, 1)
            if own:
                return own[0]
    newest = await failures.newest(conn, repo_id)
    if newest is None:
        raise UserError("No failure of this repository is recorded.")
    return newest


def takes_fingerprint(arguments: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The fingerprint that leads the arguments, if any, and what follows it."""
    if arguments and FINGERPRINT.match(arguments[0]):
        return arguments[0], arguments[1:]
    return None, arguments
