"""`/pipeline explain [RUN OR JOB LINK | FINGERPRINT]`: why a failure was read as it was, and whose it is."""

from __future__ import annotations

import re

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.commands.asked import repository_named
from bot.commands.spec import Command, CommandContext, Invocation
from bot.commands.target import FINGERPRINT, target
from bot.errors import UserError
from bot.facts import ReportedFailure
from bot.judging import verdicts_on
from bot.render.explain import explain_markdown
from bot.render.failure import severity_rank
from storage import issues, live, recurring, waking, words
from storage.model import Failure, Repository

_LINK = re.compile(
    r"<?https?://[^/\s]{1,200}/([\w.-]{1,100}/[\w.-]{1,100})/actions/runs/([0-9]{1,18})"
    r"(?:/attempts/([0-9]{1,6}))?(?:/jobs?/([0-9]{1,18}))?/?(?:[?#]\S*)?>?",
    re.ASCII,
)
_RUN = re.compile("[0-9]{4,18}", re.ASCII)


async def run(context: CommandContext, invocation: Invocation) -> str:
    """The failure that is named, the issue's own, or the newest of this repository."""
    if len(invocation.arguments) > 1:
        raise UserError("Name one run, one job or one fingerprint.")
    async with context.database.read() as conn:
        repo, failure = await failure_asked(conn, context, invocation.arguments)
        return explain_markdown(await reported(conn, repo, failure, context.now))


async def failure_asked(
    conn: AsyncConnection, context: CommandContext, arguments: tuple[str, ...]
) -> tuple[Repository, Failure]:
    """The failure that is meant, and its repository; UserError where there is none that readers here may see."""
    named = arguments[0].strip() if arguments else ""
    if not named:
        return context.repository, await target(conn, context)
    if FINGERPRINT.match(named):
        return context.repository, await target(conn, context, named)
    if _RUN.fullmatch(named):
        return context.repository, await _of_run(conn, context.repository, int(named))
    link = _LINK.fullmatch(named)
    if link is None:
        raise UserError(f"{named[:80]!r} is no link to a run or a job, no run id and no fingerprint.")
    repo = await repository_named(conn, context, link[1])
    attempt, job = (int(part) if part else None for part in (link[3], link[4]))
    return repo, await _of_run(conn, repo, int(link[2]), attempt, job)


async def _of_run(
    conn: AsyncConnection, repo: Repository, run_id: int, attempt: int | None = None, job_id: int | None = None
) -> Failure:
    """The most severe failure of the run, or the failure of the job."""
    found = await live.failures_of(conn, repo.id, run_id, attempt=attempt, job_id=job_id)
    if not found:
        what = f"run {run_id}" if job_id is None else f"job {job_id} of run {run_id}"
        raise UserError(f"No failure of {what} is recorded in {repo.full_name}.")
    return min(found, key=lambda failure: (severity_rank(failure.severity), failure.job))


def repository_linked(named: str) -> str | None:
    """`OWNER/NAME` of a link to a run or a job; None where it is no such link."""
    link = _LINK.fullmatch(named.strip())
    return link[1] if link else None


async def reported(conn: AsyncConnection, repo: Repository, failure: Failure, now: int) -> ReportedFailure:
    """The failure with what the history knows of it, as far as readers of its repository may know."""
    verdicts = await verdicts_on(conn, repo, [failure])
    fingerprint = failure.fingerprint
    return ReportedFailure(
        failure=failure,
        pattern=(await recurring.counted_under(conn, repo, {fingerprint})).get(fingerprint),
        issue=await issues.newest(conn, repo.id, fingerprint),
        mute=(await words.muted(conn, repo.id, {fingerprint}, now)).get(fingerprint),
        wake=(await waking.awake(conn, repo.id, {fingerprint}, now)).get(fingerprint),
        verdict=verdicts.get((failure.run_id, failure.run_attempt, failure.job_id)),
    )


COMMAND = Command(
    name="explain",
    summary="Explains a failure: what it is, why it was read so, and whose it is.",
    run=run,
    arguments="[LINK|RUN|FINGERPRINT]",
    examples=("/pipeline explain", "/pipeline explain https://github.com/octo/app/actions/runs/1234"),
)
