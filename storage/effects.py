"""What was done on GitHub, so that it is done once: intent first, then the call, then the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from storage.model import Effect
from storage.rows import insert_into
from storage.tables import effects

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

CHECK_RUN = "check_run"


def check_run_key(repo_id: int, commit: str) -> str:
    """The key of our one check run on a commit; `failures.anything_red` looks for it."""
    return f"{CHECK_RUN}:{repo_id}:{commit}"


async def intend(tx: AsyncConnection, *, key: str, kind: str, repo_id: int, now: int) -> Effect:
    """Records that the effect is about to happen; `fresh` only if nobody recorded that before.

    Where it is not fresh and not done, an earlier attempt may have reached GitHub: look for the marker there.
    """
    insert = insert_into(tx, effects).values(
        key=key, kind=kind, state="intent", repo_id=repo_id, created_at=now, updated_at=now
    )
    fresh = (await tx.execute(insert.on_conflict_do_nothing().returning(effects.c.key))).first() is not None
    return await _effect(tx, key, fresh=fresh)


async def done(
    tx: AsyncConnection, key: str, *, external_id: str, url: str, body_hash: str, now: int, detail: str = ""
) -> None:
    """Records the result of an intended effect, or the newer body of one that was done before.

    Raises:
        LookupError: it was never intended.
    """
    values = {"state": "done", "external_id": external_id, "url": url, "body_hash": body_hash, "updated_at": now}
    values["detail"] = detail
    statement = effects.update().where(effects.c.key == key).values(values).returning(effects.c.key)
    if (await tx.execute(statement)).first() is None:
        raise LookupError(f"effect {key!r} was never intended: call intend() first")


async def find(conn: AsyncConnection, key: str) -> Effect | None:
    """The effect of that key, if any was intended."""
    try:
        return await _effect(conn, key, fresh=False)
    except LookupError:
        return None


async def count_since(conn: AsyncConnection, repo_id: int, kind: str, since: int, *, but: str = "") -> int:
    """How many effects of a kind were intended in a repository at or after `since`, the one of key `but` left out."""
    query = select(func.count()).where(
        effects.c.repo_id == repo_id,
        effects.c.kind == kind,
        effects.c.created_at >= since,
        effects.c.key != but,
    )
    return int((await conn.execute(query)).scalar_one())


async def keys_of(conn: AsyncConnection, repo_id: int, kind: str, most: int) -> list[str]:
    """The keys of a repository's effects of a kind, the newest `most` of them."""
    query = select(effects.c.key).where(effects.c.repo_id == repo_id, effects.c.kind == kind)
    return list((await conn.execute(query.order_by(effects.c.created_at.desc()).limit(most))).scalars())


async def forget(tx: AsyncConnection, key: str) -> None:
    """Removes the record, for instance when what it made is gone on GitHub."""
    await tx.execute(delete(effects).where(effects.c.key == key))


async def _effect(conn: AsyncConnection, key: str, *, fresh: bool) -> Effect:
    row = (await conn.execute(select(effects).where(effects.c.key == key))).first()
    if row is None:
        raise LookupError(f"no effect {key!r}")
    return Effect(
        key=row.key,
        kind=row.kind,
        state=row.state,
        external_id=row.external_id,
        url=row.url,
        body_hash=row.body_hash,
        detail=row.detail,
        fresh=fresh,
    )
