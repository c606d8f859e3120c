"""Failures that people teach: a pattern is tried in the background, and counts once somebody confirmed it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import Forbidden, GitHubRefused, Gone, NotFound, Retry
from bot.github.client import GitHub
from bot.github.gateway import Gateway
from bot.github.joblog import NoLog
from bot.github.shapes import Job
from bot.green_logs import first_bytes
from bot.known_study import Study, as_rule, study
from bot.lanes import lane_beside, lay
from bot.log_reader import LogReader
from bot.perform.comments import comment_thing
from bot.perform.ledger import Ledger
from bot.render.known import confirmed_markdown, study_markdown
from bot.work import KNOWN, Trial
from classifiers.classify import OWN_RULES_CUT
from classifiers.model import Classification, JobFacts
from storage import effects, installations, known
from storage.database import Database
from storage.known import COUNTS, EXPIRED, LOOKING, PROPOSED, REFUSED, Known
from storage.model import HISTORY, Repository, Run

log = structlog.get_logger(__name__)

MOST_RECORDED = 2_000
GREEN_LOGS = 5
"""Green logs that a pattern is tried on; each costs two calls."""
SECONDS = 60.0
"""For reading one of them."""
LOOKS = (60, 300, 900, 3_600, 6 * 3_600, 86_400, 3 * 86_400, 7 * 86_400)
"""Seconds after which the answer's reactions are looked at; GitHub tells of none by itself."""
MOST_LOOKS = 20
"""Answers looked at in one round."""
MOST_ASKED = 5
"""People whose permission is asked for in one look."""


async def order_trial(tx: AsyncConnection, one: Known) -> None:
    """Keep what is to be taught, and have it tried."""
    await known.save(tx, one)
    await lay(
        tx,
        KNOWN,
        Trial(repo_id=one.repo_id, known_id=one.id),
        dedupe=f"{KNOWN}:{one.repo_id}:{one.id}",
        at_ms=one.at * 1000,
        installation_id=one.installation_id,
        lane=lane_beside(one.repo_id, KNOWN),
        priority=HISTORY,
    )


async def confirm(tx: AsyncConnection, one: Known, by: str, now: int) -> Known:
    """It counts from now on."""
    counted = replace(one, state=COUNTS, confirmed_by=by, confirmed_at=now)
    await known.save(tx, counted)
    return counted


class KnownWork:
    """Tries patterns, and looks for the thumbs-up that makes them count."""

    def __init__(
        self, database: Database, gateway: Gateway, ledger: Ledger, logs: LogReader, *, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._ledger = ledger
        self._logs = logs
        self._clock = clock

    async def try_out(self, trial: Trial, repo: Repository) -> None:
        """What the pattern matches, as a comment where it was typed."""
        one = await self._find(trial)
        if one is None or one.state not in {LOOKING, PROPOSED, REFUSED}:
            return
        github = await self._gateway.client(repo.installation_id)
        async with self._database.read() as conn:
            recorded = await known.recorded_words(conn, repo.id, MOST_RECORDED)
            green = await known.green_runs(conn, repo.id, GREEN_LOGS)
        found = await asyncio.to_thread(study, as_rule(one), recorded, time.perf_counter)
        found = await self._on_green(one, found, green, github)
        one = replace(one, category=one.category or _named(found), matched=found.matched)
        refused = _refusal(one, found)
        now = int(self._clock())
        one = replace(one, state=REFUSED if refused else PROPOSED, looks=0, next_look_at=now + LOOKS[0])
        await self._database.write(lambda tx: known.save(tx, one))
        await self._say(one, repo, github, "study", study_markdown(one, found, refused))

    async def look(self) -> None:
        """Looks at the answers that are due for a thumbs-up of somebody who may write."""
        now = int(self._clock())
        due = await self._database.write(lambda tx: known.due_looks(tx, now, MOST_LOOKS, now + LOOKS[1]))
        for one in due:
            try:
                await self._look_at(one, now)
            except (Retry, GitHubRefused) as error:
                log.warning("the reactions to a proposal could not be read", known=one.id, reason=str(error))
                await self._later(one, now)

    async def _look_at(self, one: Known, now: int) -> None:
        async with self._database.read() as conn:
            repo = await installations.repository(conn, one.repo_id)
            answer = await effects.find(conn, _key(one, "study"))
        if repo is None or repo.removed_at is not None or answer is None or answer.state != "done":
            await self._later(one, now)
            return
        github = await self._gateway.client(repo.installation_id)
        for login in (await github.thumbs_up(repo.full_name, int(answer.external_id)))[:MOST_ASKED]:
            if await github.permission(repo.full_name, login) in {"admin", "write"}:
                counted = await self._database.write(lambda tx, login=login: confirm(tx, one, login, now))  # type: ignore[misc]
                await self._say(counted, repo, github, "confirmed", confirmed_markdown(counted))
                return
        await self._later(one, now)

    async def _later(self, one: Known, now: int) -> None:
        looks = one.looks + 1
        rest = LOOKS[looks] - LOOKS[looks - 1] if looks < len(LOOKS) else None
        after = replace(one, looks=looks, next_look_at=now + (rest or 0), state=PROPOSED if rest else EXPIRED)
        await self._database.write(lambda tx: known.save(tx, after))

    async def _find(self, trial: Trial) -> Known | None:
        async with self._database.read() as conn:
            taught = await known.taught(conn, trial.repo_id)
        return next((one for one in taught if one.id == trial.known_id), None)

    async def _on_green(self, one: Known, found: Study, green: list[Run], github: GitHub) -> Study:
        """The last green logs, one of each run; what cannot be read counts for nothing."""
        for run in green:
            try:
                async with asyncio.timeout(SECONDS):
                    verdict = await self._in_green(one, run, github)
            except (NoLog, GitHubRefused, TimeoutError) as error:
                log.info("a green log could not be read", run=run.run_id, reason=str(error))
                continue
            if verdict is not None:
                found = replace(
                    found,
                    green_logs=found.green_logs + 1,
                    green_matched=found.green_matched + (verdict.rule == f"own/{one.rule}"),
                    too_slow=found.too_slow or OWN_RULES_CUT in verdict.reasons,
                )
        return found

    async def _in_green(self, one: Known, run: Run, github: GitHub) -> Classification | None:
        jobs = await github.jobs(run.repository, run.run_id, run.run_attempt)
        passed = [job for job in jobs if job.conclusion == "success"]
        if not passed:
            return None
        # The longest job says most.
        chosen = max(passed, key=_took)
        facts = JobFacts(own_rules=(as_rule(one),))
        async with github.log(run.repository, chosen.id) as pieces:
            return await self._logs.classify(first_bytes(pieces), facts, counted=False)

    async def _say(self, one: Known, repo: Repository, github: GitHub, what: str, text: str) -> None:
        if not one.issue_number:
            return
        key = _key(one, what)
        try:
            await self._ledger.keep(
                comment_thing(repo, github, one.issue_number, kind="known", key=key, text=text, since=one.at)
            )
        except (Gone, NotFound, Forbidden) as error:
            log.warning("there is nobody to tell of a known failure", known=one.id, reason=str(error))


def _took(job: Job) -> float:
    if job.started_at is None or job.completed_at is None:
        return 0.0
    return (job.completed_at - job.started_at).total_seconds()


def _key(one: Known, what: str) -> str:
    return f"known:{one.repo_id}:{one.id}:{what}"


def _named(found: Study) -> str:
    return "" if found.category == "unknown" else found.category


def _refusal(one: Known, found: Study) -> str:
    """Why it is not taken; empty where it may count."""
    if found.too_slow:
        return "it is too slow; use fewer and smaller repetitions."
    if found.too_broad:
        return (
            f"it is too broad. It matches {found.green_matched:,} of {found.green_logs:,} logs of jobs that passed, "
            "and more than a tenth is too much. Let it name what only the failure says."
        )
    if not one.category:
        return "no recorded failure that it matches has a category: name one after the pattern."
    return ""
