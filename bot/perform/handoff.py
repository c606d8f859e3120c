"""Hands issues of ours to the coding agent: planned before they are written, done after, each once.

The plan is laid into the repository's lane, which is busy until the issue, its comments and the check run are written.
The assignment and the looks afterwards have a lane of their own: they wait, and must not hold the reports up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import handoff
from bot.actions import Action
from bot.errors import Forbidden, GitHubRefused, Gone, NotFound, Retry
from bot.github.client import GitHub
from bot.github.gateway import Gateway
from bot.github.shapes import CrossReferenceShape
from bot.handoff import Allowance, HandOff, HandOffFacts, Mention, Progress, Signs, Stage
from bot.lanes import lay
from bot.perform.comments import comment_thing
from bot.perform.ledger import Ledger
from bot.render.handoff import KIND
from bot.render.handoff import handoff as comment
from bot.work import AGENT, HAND_OFF, Assign, Weigh, Work
from storage import effects, failures, issues, runs, words
from storage.database import Database
from storage.model import Repository, Run

log = structlog.get_logger(__name__)

EFFECT = "handoff"


def handoff_key(repo_id: int, fingerprint: str) -> str:
    """The ledger's key of the one hand-off of a fingerprint in a repository."""
    return f"{EFFECT}:{repo_id}:{fingerprint}"


@dataclass(frozen=True, slots=True)
class _Case:
    """One hand-off on its way."""

    order: Assign
    repo: Repository
    github: GitHub

    @property
    def key(self) -> str:
        return handoff_key(self.repo.id, self.order.fingerprint)


class HandOffs:
    """Decides, assigns, looks, and tells the truth on the issue."""

    def __init__(
        self,
        database: Database,
        gateway: Gateway,
        ledger: Ledger,
        *,
        clock: Callable[[], float],
        start_minutes: int,
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._ledger = ledger
        self._clock = clock
        self._patience = start_minutes * 60

    # -- in the repository's lane ------------------------------------------------------------------------

    async def plan(self, actions: Sequence[Action], run: Run, repo: Repository, allowance: Allowance) -> None:
        """Let the issues that these actions are about to write be considered once everything is written.

        Before the writing, because a crash in the midst of it would leave nobody who knows which issues were new.
        """
        fingerprints = handoff.candidates(actions)
        if self._gateway.agent is None or not fingerprints or not allowance.assign:
            return
        plans = [
            Weigh(
                repo_id=repo.id,
                fingerprint=fingerprint,
                run_id=run.run_id,
                run_attempt=run.run_attempt,
                outage=handoff.is_outage(actions),
                assign=allowance.assign,
                daily=allowance.daily,
            )
            for fingerprint in fingerprints
        ]

        async def enqueue(tx: AsyncConnection) -> None:
            for each in plans:
                dedupe = f"{HAND_OFF}:{repo.id}:{each.fingerprint}:{run.run_id}:{run.run_attempt}"
                await self._lay(tx, HAND_OFF, each, repo, dedupe=dedupe)

        await self._database.write(enqueue)

    async def weigh(self, plan: Weigh, repo: Repository) -> None:
        """Decide about one planned hand-off, and hand it on; touches nothing on GitHub."""
        now = int(self._clock())
        async with self._database.read() as conn:
            facts = await self._facts(conn, plan, repo, now)
        if facts is None:
            return
        decided = handoff.decide(facts)
        if not isinstance(decided, HandOff):
            log.info("not handed to the coding agent", fingerprint=plan.fingerprint, why=decided)
            return
        order = Assign(
            repo_id=repo.id,
            fingerprint=plan.fingerprint,
            number=decided.number,
            base_branch=decided.base_branch or repo.default_branch,
            at=now,
        )
        await self._database.write(lambda tx: self._begin(tx, order, repo))

    async def _facts(self, conn: AsyncConnection, plan: Weigh, repo: Repository, now: int) -> HandOffFacts | None:
        run = await runs.run(conn, repo.id, plan.run_id, plan.run_attempt)
        newest = await failures.occurrences(conn, repo.id, plan.fingerprint, 1)
        if run is None or not newest:
            return None
        key = handoff_key(repo.id, plan.fingerprint)
        return HandOffFacts(
            run=run,
            category=newest[0].category,
            issue=await issues.newest(conn, repo.id, plan.fingerprint),
            outage=plan.outage,
            muted=bool(await words.muted(conn, repo.id, {plan.fingerprint}, now)),
            handed_before=await effects.find(conn, key) is not None,
            handed_today=await effects.count_since(conn, repo.id, EFFECT, now - handoff.DAY),
            allowance=Allowance(plan.assign, plan.daily),
        )

    async def _begin(self, tx: AsyncConnection, order: Assign, repo: Repository) -> None:
        key = handoff_key(repo.id, order.fingerprint)
        await effects.intend(tx, key=key, kind=EFFECT, repo_id=repo.id, now=order.at)
        await self._lay(tx, AGENT, order, repo, dedupe=f"{AGENT}:{key}:{order.at}", lane=key)

    async def _lay(
        self, tx: AsyncConnection, kind: str, work: Work, repo: Repository, *, dedupe: str, lane: str | None = None
    ) -> None:
        now_ms = int(self._clock() * 1000)
        await lay(tx, kind, work, dedupe=dedupe, at_ms=now_ms, installation_id=repo.installation_id, lane=lane)

    # -- in the hand-off's own lane ----------------------------------------------------------------------

    async def advance(self, order: Assign, repo: Repository) -> None:
        """The next step of a hand-off: assign it, or look for a sign of its start; then tell how it stands.

        Raises Retry, at no cost to the work's attempts, as long as there is something to look for.
        """
        case = _Case(order, repo, await self._gateway.client(repo.installation_id))
        known = await self._known(case)
        try:
            if known is None:
                progress = await self._assign(case)
            else:
                progress = known if known.ended else await self._look(case, known)
        except (NotFound, Gone):
            log.info("the issue of a hand-off is gone", issue=order.number)
            return
        if progress is None:
            await self._database.write(lambda tx: effects.forget(tx, case.key))
            return
        await self._keep(case, progress)
        if await self._told(case, progress) and not progress.ended:
            wait = handoff.seconds_to_next_look(progress, int(self._clock()), self._patience)
            raise Retry("the coding agent has shown no sign of its start yet", after=wait, counts=False)

    async def _known(self, case: _Case) -> Progress | None:
        async with self._database.read() as conn:
            effect = await effects.find(conn, case.key)
        if effect is None or effect.state != "done":
            return None
        return msgspec.json.decode(effect.detail, type=Progress)

    async def _assign(self, case: _Case) -> Progress | None:
        """Ask for the assignment, unless an earlier attempt or a person did; None: the issue is closed already."""
        standing = await case.github.issue(case.repo.full_name, case.order.number)
        if standing.state != "open":
            return None
        if any(map(handoff.is_agent, standing.assigned)):
            return self._progress(case, Stage.REQUESTED)
        why_not = await self._ask(case)
        return self._progress(case, Stage.NOT_STARTED if why_not else Stage.REQUESTED, why_not)

    async def _ask(self, case: _Case) -> str:
        """Assign the agent in the user's name; why that failed, or an empty text."""
        agent, order = self._gateway.agent, case.order
        if agent is None:
            return handoff.NO_TOKEN
        try:
            assigned = await agent.assign(
                case.repo.full_name,
                order.number,
                handoff.AGENT,
                base_branch=order.base_branch,
                instructions=handoff.INSTRUCTIONS,
            )
        except GitHubRefused as error:
            log.warning("the coding agent was not assigned", issue=order.number, reason=str(error))
            return handoff.refusal(error.status)
        except Retry as error:
            if self._clock() + (error.after or 0) < order.at + handoff.LONGEST_ATTEMPT:
                raise
            return handoff.UNREACHABLE
        return "" if any(map(handoff.is_agent, assigned)) else handoff.DROPPED

    def _progress(self, case: _Case, stage: Stage, reason: str = "") -> Progress:
        return Progress(stage=stage, at=int(self._clock()), base_branch=case.order.base_branch, reason=reason)

    async def _look(self, case: _Case, known: Progress) -> Progress:
        name, number = case.repo.full_name, case.order.number
        standing = await case.github.issue(name, number)
        try:
            references = await case.github.cross_references(name, number)
        except Forbidden as error:
            log.warning("the timeline of an issue cannot be read", issue=number, reason=str(error))
            return replace(known, reason=handoff.BLIND)
        signs = Signs(
            open=standing.state == "open",
            assigned=any(map(handoff.is_agent, standing.assigned)),
            mentions=tuple(filter(None, (_mention(each, name) for each in references))),
        )
        return handoff.after_look(known, signs, int(self._clock()), self._patience)

    async def _keep(self, case: _Case, progress: Progress) -> None:
        detail = msgspec.json.encode(progress).decode()

        async def done(tx: AsyncConnection) -> None:
            await effects.done(
                tx,
                case.key,
                external_id=str(case.order.number),
                url="",
                body_hash="",
                detail=detail,
                now=int(self._clock()),
            )

        await self._database.write(done)

    async def _told(self, case: _Case, progress: Progress) -> bool:
        """Whether the issue says how it stands; a locked one cannot."""
        key = f"{KIND}:{case.repo.id}:{case.order.fingerprint}"
        text = comment(progress, key=key, until=progress.at + self._patience)
        thing = comment_thing(
            case.repo, case.github, case.order.number, kind=KIND, key=key, text=text, since=case.order.at
        )
        try:
            await self._ledger.keep(thing)
        except GitHubRefused as error:
            log.warning("a hand-off could not be told", issue=case.order.number, reason=str(error))
            return False
        return True


def _mention(shape: CrossReferenceShape, repository: str) -> Mention | None:
    """A pull request of the same repository: the agent works where the issue is."""
    found = shape.source.issue if shape.source else None
    if found is None or found.pull_request is None or found.user is None:
        return None
    if found.repository is not None and found.repository.full_name.lower() != repository.lower():
        return None
    return Mention(found.number, found.user.login, int(shape.created_at.timestamp()), found.state == "open")
