"""Webhook payloads made wrong: a field at a time by its kind, then perhaps the bytes and the headers too."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

NUMBERS = (0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, 10**30, -(10**20), 1.5, 1e308)
TEXTS = (
    "", " ", "\0", "a\0b", "\ud800", "\u202eevil", "\u200b", "\x1b[31m", "../../etc/passwd", "octo/app/../../user",
    "octo/app?per_page=1", "octo%2fapp", "http://127.0.0.1:9/", "file:///etc/passwd", "'; DROP TABLE jobs; --",
    "{{7*7}}", "%s%n", "@everyone closes #1", "<script>", "null", "true", "0", "9" * 400, "A" * 5_000, "é漢\U0001f600",
    "completed", "requested", "created", "deleted", "2026-02-31T25:61:61Z", "0001-01-01T00:00:00Z", "/pipeline rerun",
    "/pipeline " + "a " * 2_000,
)  # fmt: skip
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [None], {"": None}, [[[]]], {"id": None}, {"id": "1"})
HEADERS = {
    "X-GitHub-Event": ("", "push", "workflow_run", "check_run", "a" * 200, "a" * 201, "a b", "../x", "%00"),
    "X-GitHub-Delivery": ("", "g", "a" * 200, "a" * 201, "a b", "'; --", "../../x"),
    "X-Hub-Signature-256": ("", "sha256=", "sha1=0", "sha256=" + "0" * 64),
    "X-GitHub-Hook-Installation-Target-ID": ("", "0", "-1", "a", "9" * 100),
    "Content-Type": ("", "text/plain", "application/json; charset=utf-16", "application/x-www-form-urlencoded", ";"),
    "Content-Encoding": ("gzip", "br", "identity"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One request: its event, its bytes, and headers that go over the usual ones."""

    event: str
    body: bytes
    headers: dict[str, str]


def cases(payloads: Sequence[tuple[str, dict[str, Any]]], count: int, seed: int) -> Iterator[Case]:
    """So many requests made from (event, payload); the same for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        event, payload = chance.choice(payloads)
        changed = copy.deepcopy(payload)
        for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 6))):
            _change(changed, chance.choice(payloads)[1], chance)
        body = json.dumps(changed, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
        yield _outside(event, _bytes(body, chance), chance)


def _change(payload: dict[str, Any], other: dict[str, Any], chance: random.Random) -> None:
    """One place of the payload, near the top as often as deep within."""
    parent: Any = payload
    while parent:
        key = chance.choice(list(parent)) if isinstance(parent, dict) else chance.randrange(len(parent))
        inner = parent[key]
        if not (isinstance(inner, dict | list) and inner) or chance.random() < 0.35:
            break
        parent = inner
    else:
        return
    if chance.random() < 0.2:
        del parent[key]
    else:
        parent[key] = _wrong(inner, other, chance)


def _wrong(value: Any, other: dict[str, Any], chance: random.Random) -> Any:
    """Something of the value's own kind that GitHub would not send, or something of another kind."""
    draw = chance.random()
    if draw < 0.15:
        return copy.deepcopy(chance.choice(list(other.values()) or [None]))
    if draw < 0.2:
        return _nested(chance.choice((10, 40, 80)))
    if draw < 0.6 and isinstance(value, bool | int | float):
        return chance.choice(NUMBERS)
    if draw < 0.6 and isinstance(value, str):
        return chance.choice((*TEXTS, value + "\0", value * 50, value.upper()))
    if draw < 0.6 and isinstance(value, list):
        return value * chance.choice((0, 2, 100))
    if draw < 0.6 and isinstance(value, dict):
        return {key: copy.deepcopy(chance.choice(OTHERS)) for key in value}
    return copy.deepcopy(chance.choice((*OTHERS, chance.choice(NUMBERS), chance.choice(TEXTS))))


def _nested(depth: int) -> Any:
    node: Any = "deep"
    for _ in range(depth):
        node = [node]
    return node


def _bytes(body: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.8:
        return body
    at = chance.randrange(len(body))
    kinds = (
        body[:at],
        body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :],
        body[:at] + chance.randbytes(4) + body[at:],
        body + body,
        b"\xef\xbb\xbf" + body,
        body.decode("utf-8", "replace").encode("utf-16"),
        b"[" + body + b"]",
        body.replace(b"{", b'{"action":"completed",', 1),
        chance.randbytes(chance.randrange(200)),
        b"[" * at,
        body[:-1] + b',"deep":' + b"[" * 900 + b"]" * 900 + b"}",
        body[:-1] + b',"deep":' + b"[" * 1_200 + b"]" * 1_200 + b"}",
    )
    return chance.choice(kinds)


def _outside(event: str, body: bytes, chance: random.Random) -> Case:
    headers: dict[str, str] = {}
    if chance.random() < 0.15:
        name = chance.choice(list(HEADERS))
        headers[name] = chance.choice(HEADERS[name])
    if headers.get("Content-Type", "").endswith("urlencoded") and chance.random() < 0.7:
        body = b"payload=" + quote_plus(body).encode()
    return Case(event, body, headers)
