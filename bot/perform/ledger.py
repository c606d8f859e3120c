"""Things on GitHub that must exist once: looked up by their key before they are made, whatever crashed."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import Gone, NotFound
from storage import effects
from storage.database import Database
from storage.model import Effect

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """What stands on GitHub: its id (or number) as text, and its address."""

    external_id: str
    url: str
    detail: str = ""
    """Ours to remember with it, such as which annotations were sent."""


@dataclass(frozen=True, slots=True)
class Thing:
    """How one kind of thing is found, made and changed on GitHub."""

    key: str
    kind: str
    repo_id: int
    text: str
    """Everything it shows; an unchanged text costs no call."""
    find: Callable[[], Awaitable[Made | None]]
    """Search GitHub for it by its marker; asked only if an earlier attempt may have made it."""
    make: Callable[[], Awaitable[Made]]
    change: Callable[[Effect], Awaitable[Made]]
    record: Callable[[AsyncConnection, Made], Awaitable[None]] | None = None
    """Further rows to write in the transaction that records the thing."""


class Ledger:
    """Keeps things on GitHub in step with what they should say, each made exactly once."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    async def known(self, key: str) -> Effect | None:
        """The thing under this key where it is known to stand on GitHub."""
        async with self._database.read() as conn:
            effect = await effects.find(conn, key)
        return effect if effect is not None and effect.state == "done" else None

    async def keep(self, thing: Thing, *, force: bool = False) -> Made:
        """Make the thing, or bring it up to date; nothing is sent where it says the same already."""
        text_hash = hashlib.sha256(thing.text.encode()).hexdigest()[:32]
        now = int(self._clock())

        async def intend(tx: AsyncConnection) -> Effect:
            return await effects.intend(tx, key=thing.key, kind=thing.kind, repo_id=thing.repo_id, now=now)

        effect = await self._database.write(intend)
        if effect.state == "done" and effect.body_hash == text_hash and not force:
            return Made(effect.external_id, effect.url, effect.detail)
        made = await self._bring_about(thing, effect)

        async def done(tx: AsyncConnection) -> None:
            await effects.done(
                tx,
                thing.key,
                external_id=made.external_id,
                url=made.url,
                body_hash=text_hash,
                detail=made.detail,
                now=int(self._clock()),
            )
            if thing.record is not None:
                await thing.record(tx, made)

        await self._database.write(done)
        return made

    async def _bring_about(self, thing: Thing, effect: Effect) -> Made:
        if effect.state == "done":
            try:
                return await thing.change(effect)
            except (NotFound, Gone) as error:
                log.warning("a thing of ours is not where it was", key=thing.key, reason=str(error))
        # Recorded before: the call may have reached GitHub although its answer did not reach us. Or it was
        # there: somebody deleted it, and what it says is still wanted; or GitHub erred, and it must not be doubled.
        found = None if effect.fresh else await thing.find()
        if found is None:
            return await thing.make()
        standing = replace(effect, external_id=found.external_id, url=found.url, detail=found.detail)
        return await thing.change(standing)
