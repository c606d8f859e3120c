"""Comments of ours, each made once and found again by its hidden marker."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.github.client import GitHub
from bot.github.shapes import CommentShape
from bot.perform.ledger import Made, Thing
from bot.render.markdown import marker, read_marker
from storage.model import Effect, Repository


def comment_thing(
    repo: Repository, github: GitHub, number: int, *, kind: str, key: str, text: str, since: int
) -> Thing:
    """The comment `text` in issue or pull request `number`.

    `since` (epoch seconds) bounds the search for it after a crash: it cannot be older.
    """
    body = text if read_marker(text) else f"{marker(kind, key)}\n{text}"
    wanted = read_marker(body)

    async def find() -> Made | None:
        start = datetime.fromtimestamp(max(0, since - 300), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        mine = await github.login()
        for shape in await github.comments(repo.full_name, number, start):
            ours = shape.user is not None and shape.user.login == mine
            if ours and read_marker(shape.body or "") == wanted:
                return _made(shape)
        return None

    async def make() -> Made:
        return _made(await github.create_comment(repo.full_name, number, body))

    async def change(effect: Effect) -> Made:
        return _made(await github.update_comment(repo.full_name, int(effect.external_id), body))

    return Thing(key, kind, repo.id, body, find, make, change)


def _made(shape: CommentShape) -> Made:
    return Made(str(shape.id), shape.html_url)
