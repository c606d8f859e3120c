"""The jobs behind the addresses that `pipeline classify` was given, read as the server does; nothing is stored."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import aiohttp

from bot import app, logs
from bot.cli.inputs import Unreadable
from bot.cli.refused import why
from bot.cli.run_link import RunLink
from bot.cli.verdict import Answer
from bot.errors import GitHubRefused, GiveUp, Retry
from bot.events import RepositoryRef, as_stored
from bot.log_reader import LogReader
from bot.metrics import Metrics
from bot.reading import Judged, RunReader
from classifiers.model import Category

if TYPE_CHECKING:
    from bot.github.client import GitHub
    from bot.settings import Settings
    from storage.model import Run

KEPT = "GitHub keeps logs for 90 days unless told otherwise; run the job again for a new one"
Answers = list[Answer | Unreadable]


async def read(settings: Settings, links: Sequence[RunLink]) -> dict[str, Answers]:
    """By address: the verdict on every failed job, or why there is none."""
    logs.configure("error" if settings.log_level == "info" else settings.log_level, settings.log_format)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        reader = LogReader()
        stack.push_async_callback(reader.close)
        gateway = app.gateway_of(settings, session, Metrics())
        found: dict[str, Answers] = {}
        for link in links:
            try:
                github = await gateway.client(await gateway.installation_of(link.repository))
                found[link.text] = await _answers(link, github, RunReader(reader, clock=time.time))
            except Unreadable as error:
                found[link.text] = [error]
            except (GitHubRefused, Retry, GiveUp) as error:
                found[link.text] = [Unreadable(why(error))]
        return found


async def _answers(link: RunLink, github: GitHub, reader: RunReader) -> Answers:
    run = await _run(link, github)
    if run.status != "completed" and link.job_id is None:
        raise Unreadable(f"the run has not ended yet ({run.status.replace('_', ' ')}); try again when it has")
    judged = await reader.verdicts(run, github, link.job_id)
    if not judged:
        subject = "the job is not one that failed" if link.job_id is not None else "no job of it failed"
        raise Unreadable(f"{subject} (attempt {run.run_attempt} of the run: {run.conclusion or run.status})")
    return [_answer(each, run) for each in judged]


async def _run(link: RunLink, github: GitHub) -> Run:
    shape = await github.repository(link.repository)
    attempt = link.attempt
    if attempt is None and link.job_id is not None:
        job = await github.job(link.repository, link.job_id)
        if job.run_id != link.run_id:
            raise Unreadable(f"job {link.job_id} belongs to another run ({job.run_id})")
        attempt = job.run_attempt
    if attempt is None:
        run = await github.run(link.repository, link.run_id)
    else:
        run = await github.attempt(link.repository, link.run_id, attempt)
    repository = RepositoryRef(id=shape.id, full_name=shape.full_name, default_branch=shape.default_branch)
    return as_stored(run, repository, 0)


def _answer(judged: Judged, run: Run) -> Answer | Unreadable:
    name = judged.url or run.url
    if judged.no_log and judged.verdict.category is Category.UNKNOWN:
        return Unreadable(f"{judged.no_log[0].lower()}{judged.no_log[1:].rstrip('.')}; {KEPT}", name)
    return Answer(name, judged.verdict, judged.job)
