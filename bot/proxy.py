"""WEBHOOK_PROXY_URL: deliveries fetched from a smee.io channel, for a server that nobody can reach from outside.

A channel is a stream of server-sent events (html.spec.whatwg.org, "Server-sent events"). The data of each is JSON: the
delivery's headers in lower case beside `body`, `query` and `timestamp` (github.com/probot/smee.io). The raw bytes that
GitHub signed are gone by then, so the signature is held against the body written again as GitHub writes it.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import structlog

from bot.door import NotAnObject
from bot.intake import LARGEST_BODY, Intake
from bot.web import HEADER_VALUE
from storage.errors import DatabaseUnavailable, InboxFull

log = structlog.get_logger(__name__)

SILENCE = 90.0
"""Seconds; a channel sends a comment every half minute, so that a longer silence is a dead connection."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
_LINE = 2 * LARGEST_BODY
"""Bytes; JSON inside JSON is longer than itself."""


class NotTaken(ValueError):
    """A message that is no delivery, or one that nobody we know signed; the text says why."""


@dataclass(slots=True)
class Events:
    """Lines of an event stream → the data of its events. `last_id` is where to go on after a break."""

    last_id: str = ""
    _kind: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, line: str) -> str | None:
        """One line without its end; the data of the message that it completes."""
        if not line:
            data, kind = "\n".join(self._data), self._kind
            self._data, self._kind = [], ""
            # A channel's own events are called `ready` and `ping`.
            return data if data and kind in {"", "message"} else None
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and "\0" not in value:
            self.last_id = value
        return None


@dataclass(frozen=True, slots=True)
class Message:
    """A delivery as the channel passed it on."""

    event: str
    delivery: str
    body: bytes


def read_message(data: str, secrets: tuple[bytes, ...]) -> Message:
    """The delivery in an event's data. Raises NotTaken; without secrets, signatures are not asked for."""
    try:
        message: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotTaken(f"not JSON: {error}") from error
    if not isinstance(message, dict) or "body" not in message:
        raise NotTaken("no delivery: it has no body")
    body = _body(message["body"])
    event, guid = (str(message.get(name, "")) for name in ("x-github-event", "x-github-delivery"))
    if not HEADER_VALUE.match(event) or not HEADER_VALUE.match(guid):
        raise NotTaken("no delivery: x-github-event or x-github-delivery is missing or malformed")
    if secrets and not _is_signed(body, str(message.get("x-hub-signature-256", "")), secrets):
        raise NotTaken(f"delivery {guid}: the signature in x-hub-signature-256 is missing or wrong")
    return Message(event, guid, body)


def _body(body: object) -> bytes:
    """The bytes GitHub signed: JSON without blanks, characters as they are."""
    try:
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise NotTaken(f"the body cannot be written again: {error}") from error


def _is_signed(body: bytes, signature: str, secrets: tuple[bytes, ...]) -> bool:
    given = signature.encode("utf-8", "surrogateescape")
    good = False
    for secret in secrets:
        good |= hmac.compare_digest(b"sha256=" + hmac.digest(secret, body, "sha256").hex().encode(), given)
    return good


class Proxy:
    """Listens to one channel for as long as it is asked to, and hands each delivery to the intake."""

    def __init__(self, url: str, intake: Intake, secrets: tuple[bytes, ...], *, first_wait: float = FIRST_WAIT) -> None:
        self._url = url
        self._intake = intake
        self._secrets = secrets
        self._first_wait = self._wait = first_wait
        self._events = Events()

    async def run(self) -> None:
        """Until cancelled; a broken connection is made again, later each time."""
        timeout = aiohttp.ClientTimeout(total=None, connect=15, sock_read=SILENCE)
        async with aiohttp.ClientSession(timeout=timeout, read_bufsize=2**20) as session:
            while True:
                reason = await self._listen(session)
                wait = self._wait * random.uniform(0.5, 1.5)  # noqa: S311
                log.warning("the webhook proxy is connected again soon", seconds=round(wait, 1), reason=reason)
                await asyncio.sleep(wait)
                self._wait = min(LONGEST_WAIT, self._wait * 2)

    async def _listen(self, session: aiohttp.ClientSession) -> str:
        """Take deliveries until the connection ends; why it did."""
        try:
            async for data in self._stream(session):
                await self._take(data)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return f"{type(error).__name__}: {error}"[:200]
        except Exception as error:  # a bug: loud, and no reason to miss the deliveries that follow
            log.exception("a delivery of the webhook proxy failed")
            return type(error).__name__
        return "it ended"

    async def _stream(self, session: aiohttp.ClientSession) -> AsyncIterator[str]:
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self._events.last_id:
            headers["Last-Event-ID"] = self._events.last_id
        async with session.get(self._url, headers=headers) as answer:
            if answer.status != 200 or answer.content_type != "text/event-stream":
                raise ValueError(f"answered {answer.status} {answer.content_type}, not an event stream")
            log.info("listening to the webhook proxy", url=self._url)
            lines = Lines()
            async for chunk in answer.content.iter_any():
                self._wait = self._first_wait
                for line in lines.feed(chunk):
                    data = self._events.feed(line)
                    if data is not None:
                        yield data

    async def _take(self, data: str) -> None:
        try:
            message = read_message(data, self._secrets)
            await self._intake(message.event, message.delivery, message.body)
        except (NotTaken, NotAnObject) as error:
            log.warning("a message of the webhook proxy was not taken", reason=str(error))
        except (InboxFull, DatabaseUnavailable) as error:
            log.error("a delivery of the webhook proxy could not be kept; send it again on GitHub", reason=str(error))


@dataclass(slots=True)
class Lines:
    """Chunks of bytes → whole lines, whichever of the three line ends they have."""

    _parts: list[bytes] = field(default_factory=list)
    _size: int = 0

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The lines that the chunk completes. Raises ValueError for one beyond all bounds."""
        self._parts.append(chunk)
        self._size += len(chunk)
        if self._size > _LINE:
            raise ValueError(f"a line of the stream is longer than {_LINE} bytes")
        if b"\n" not in chunk and b"\r" not in chunk and not self._parts[0].endswith(b"\r"):
            return
        text = b"".join(self._parts)
        # A line feed may still follow a carriage return at the very end.
        held = text.endswith(b"\r")
        pieces = (text[:-1] if held else text).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        rest = pieces.pop() + (b"\r" if held else b"")
        self._parts, self._size = [rest] if rest else [], len(rest)
        for piece in pieces:
            yield piece.decode("utf-8", "replace")
