"""`/pipeline rerun`: the failed jobs again."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import Rerun
from bot.commands.spec import Command, CommandContext, Invocation, Reply, Who
from bot.commands.target import target
from bot.errors import UserError
from bot.render.requests import rerun_markdown
from bot.verdict import Kind
from storage import failures, live
from storage.model import Failure
from storage.scopes import of_repository

EXCUSED = frozenset({Kind.FLAKY.value, Kind.ELSEWHERE.value})
NOBODYS = frozenset({"infrastructure", "timeout"})
MOST_RUNS = 10
MOST_RUNNING = 50


async def run(context: CommandContext, invocation: Invocation) -> Reply:  # noqa: ARG001
    """Of the pull request's head commit, of the issue's newest occurrence, or of the newest red run."""
    async with context.database.read() as conn:
        red = await _red(conn, context)
        here = of_repository(context.repository)
        running = await live.running(conn, here, since=0, limit=MOST_RUNNING)
        going = [each for each in running if each.commit == red[0].commit]
    if not context.may_write and not all(_excused(failure) for failure in red):
        raise UserError(
            "A pull request's author may run again only what is flaky, fails elsewhere too, timed out, or is "
            "infrastructure; for the rest it takes write permission."
        )
    run_ids = tuple(dict.fromkeys(failure.run_id for failure in red if failure.job_id))[:MOST_RUNS]
    if any(each.run_id in run_ids for each in going):
        raise UserError("The run is still going; GitHub runs failed jobs again only once it has completed.")
    return Reply(rerun_markdown(red), (Rerun(run_ids),))


async def _red(conn: AsyncConnection, context: CommandContext) -> list[Failure]:
    """What is to run again; UserError where nothing is red."""
    if context.pull_request and context.issue_number is not None:
        newest = await failures.newest(conn, context.repository.id, pull_request=context.issue_number)
        if newest is None:
            raise UserError("No failure of this pull request is recorded.")
    else:
        newest = await target(conn, context)
    red = await failures.open_of_commit(conn, context.repository.id, newest.commit)
    if not red:
        raise UserError("Nothing is red on that commit any more.")
    return red


def _excused(failure: Failure) -> bool:
    return failure.verdict in EXCUSED or failure.category in NOBODYS


COMMAND = Command(
    name="rerun",
    summary="Runs the failed jobs again.",
    run=run,
    examples=("/pipeline rerun",),
    who=Who.AUTHOR,
)
