"""Pages of a list with GitHub's Link header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from bot.demo.github.call import Answer, Call

T = TypeVar("T")


def page_of(call: Call, items: Sequence[T]) -> tuple[Sequence[T], dict[str, str]]:
    """The asked page (30 items unless told, 100 at most) and its Link header, if there is more than one."""
    size = min(100, _number(call, "per_page", 30)) or 30
    page = max(1, _number(call, "page", 1))
    last = max(1, -(-len(items) // size))
    links = []
    if page > 1:
        links += [_link(call, page - 1, "prev"), _link(call, 1, "first")]
    if page < last:
        links += [_link(call, page + 1, "next"), _link(call, last, "last")]
    headers = {"Link": ", ".join(links)} if links else {}
    return items[(page - 1) * size : page * size], headers


def listed(call: Call, items: Sequence[Any]) -> Answer:
    """An answer that is a bare array."""
    page, headers = page_of(call, items)
    return Answer(list(page), headers=headers)


def wrapped(call: Call, key: str, items: Sequence[Any], limit: int | None = None) -> Answer:
    """An answer `{"total_count", key}`; `limit` is how many results GitHub gives at most."""
    page, headers = page_of(call, items[:limit])
    return Answer({"total_count": len(items), key: list(page)}, headers=headers)


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, "")
    return int(text) if text.isdecimal() else default


def _link(call: Call, page: int, rel: str) -> str:
    query = urlencode({**call.query, "page": str(page)})
    return f'<{call.state.api_url}{call.path}?{query}>; rel="{rel}"'
