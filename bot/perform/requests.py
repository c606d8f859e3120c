"""What people ask for by a command or a button: done in the database and on GitHub, each once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import ConfirmKnown, Correct, ForgetKnown, LiftMute, Notify, Request, Rerun, SetMute, Teach
from bot.errors import Forbidden, GitHubRefused, UserError
from bot.github.client import GitHub
from bot.known_work import confirm, order_trial
from bot.lanes import lay
from bot.work import NOTIFY, REFRESH, Follow
from storage import effects, known, words
from storage.database import Database
from storage.model import Correction, Mute, Repository


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and by which comment or click; `key` tells one asking from another."""

    login: str
    key: str


Silences = Callable[[Sequence[str], Repository], Awaitable[Mapping[str, str]]]
"""For those of some fingerprints of which no notice can be made, the reason as a sentence."""


class Requests:
    """Carries out requests. What changes a report is handed to the repository's own lane."""

    def __init__(self, database: Database, silences: Silences, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._silences = silences
        self._clock = clock

    async def perform(self, requests: Sequence[Request], asker: Asker, repo: Repository, github: GitHub) -> None:
        """Every request in order; UserError with what the asker should know where one cannot be done."""
        for request in requests:
            match request:
                case Rerun():
                    await self._rerun(request, asker, repo, github)
                case SetMute():
                    await self._mute(request, asker, repo)
                case LiftMute():
                    await self._unmute(request, asker, repo)
                case Correct():
                    await self._correct(request, asker, repo)
                case Notify():
                    await self._notify(request, asker, repo)
                case Teach(one):
                    await self._database.write(lambda tx, one=one: order_trial(tx, one))  # type: ignore[misc]
                case ConfirmKnown(known_id):
                    await self._confirm(known_id, asker, repo)
                case ForgetKnown(known_id):
                    await self._database.write(lambda tx, which=known_id: known.remove(tx, repo.id, which))  # type: ignore[misc]
                case _:
                    assert_never(request)

    async def _rerun(self, request: Rerun, asker: Asker, repo: Repository, github: GitHub) -> None:
        for run_id in request.run_ids:
            key = f"rerun:{asker.key}:{run_id}"
            now = int(self._clock())

            async def intend(tx: AsyncConnection, key: str = key, now: int = now) -> bool:
                effect = await effects.intend(tx, key=key, kind="rerun", repo_id=repo.id, now=now)
                return effect.fresh

            if not await self._database.write(intend):
                # A crash came in between. If GitHub got it the run is going; if not, the person asks again.
                continue
            try:
                await github.rerun_failed_jobs(repo.full_name, run_id)
            except Forbidden as error:
                raise UserError(_refused_rerun(error)) from error
            except GitHubRefused as error:
                raise UserError(f"GitHub does not run it again: it answered {error.status}.") from error

    async def _mute(self, request: SetMute, asker: Asker, repo: Repository) -> None:
        now = int(self._clock())

        async def mute(tx: AsyncConnection) -> None:
            for fingerprint in request.fingerprints:
                word = Mute(
                    repo_id=repo.id,
                    installation_id=repo.installation_id,
                    fingerprint=fingerprint,
                    until=request.until,
                    reason=request.reason,
                    by=asker.login,
                    at=now,
                )
                await words.mute(tx, word)

        await self._database.write(mute)
        await self._follow(REFRESH, request.fingerprints, asker, repo)

    async def _unmute(self, request: LiftMute, asker: Asker, repo: Repository) -> None:
        async def unmute(tx: AsyncConnection) -> bool:
            return await words.unmute(tx, repo.id, repo.installation_id, request.fingerprint)

        await self._database.write(unmute)
        await self._follow(REFRESH, (request.fingerprint,), asker, repo)

    async def _correct(self, request: Correct, asker: Asker, repo: Repository) -> None:
        word = Correction(
            repo_id=repo.id,
            fingerprint=request.fingerprint,
            category=request.category,
            was=request.was,
            rule=request.rule,
            by=asker.login,
            at=int(self._clock()),
        )
        await self._database.write(lambda tx: words.correct(tx, word))
        await self._follow(REFRESH, (request.fingerprint,), asker, repo)

    async def _confirm(self, known_id: str, asker: Asker, repo: Repository) -> None:
        now = int(self._clock())

        async def count(tx: AsyncConnection) -> None:
            for one in await known.taught(tx, repo.id):
                if one.id == known_id and one.state == known.PROPOSED:
                    await confirm(tx, one, asker.login, now)

        await self._database.write(count)

    async def _notify(self, request: Notify, asker: Asker, repo: Repository) -> None:
        """UserError where no notice would be made of any of them."""
        silences = await self._silences(request.fingerprints, repo)
        told = tuple(each for each in request.fingerprints if each not in silences)
        if silences and not told:
            raise UserError("No notice is made: " + " ".join(dict.fromkeys(silences.values())))
        await self._follow(NOTIFY, told, asker, repo)

    async def _follow(self, kind: str, fingerprints: tuple[str, ...], asker: Asker, repo: Repository) -> None:
        """Reports are written in the repository's lane, so that no two jobs write one issue."""
        follow = Follow(repo_id=repo.id, fingerprints=fingerprints, commit="")

        async def enqueue(tx: AsyncConnection) -> bool:
            dedupe = f"{kind}:{asker.key}:{','.join(fingerprints)}"[:500]
            now_ms = int(self._clock() * 1000)
            return await lay(tx, kind, follow, dedupe=dedupe, at_ms=now_ms, installation_id=repo.installation_id)

        await self._database.write(enqueue)


def _refused_rerun(error: Forbidden) -> str:
    if error.permission or "not accessible" in str(error).lower():
        return "The App lacks the permission actions: write, so it cannot run jobs again here."
    return (
        "GitHub does not run it again: the run is still going, or it is older than 30 days or was run again "
        "50 times already."
    )
