"""Stream a job's log: the API's redirect is followed without the token, bytes are handed on as they come.

Source for the answers: docs.github.com, "Download job logs for a workflow run"; a log that was never written
answers 404 with `BlobNotFound`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import Enum
from urllib.parse import urljoin, urlsplit

import aiohttp
import structlog
from yarl import URL

from bot.errors import Retry
from bot.github.log_hosts import LogHosts
from bot.github.spending import spend

log = structlog.get_logger(__name__)

CHUNK = 64 * 1024
LARGEST_LOG = 512 * 2**20
"""Bytes after which a log is not read any further; GitHub's own pages stop far earlier."""
TIMEOUT = aiohttp.ClientTimeout(total=300, connect=10, sock_read=30)
MOVED = frozenset({301, 302, 303, 307, 308})
MOST_HOPS = 3


class Absent(Enum):
    """Why there is no log."""

    MISSING = "missing"
    EXPIRED = "expired"
    ELSEWHERE = "elsewhere"


class NoLog(Exception):
    """The job has no log that could be read; `why` tells a log that is late from one that is gone."""

    def __init__(self, why: Absent) -> None:
        super().__init__(why.value)
        self.why = why

    @property
    def status(self) -> int:
        """What GitHub answered."""
        return {Absent.MISSING: 404, Absent.EXPIRED: 410, Absent.ELSEWHERE: 302}[self.why]


async def open_log(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str], *, hosts: LogHosts
) -> aiohttp.ClientResponse:
    """The log's open response; the caller closes it. Raises NoLog, or aiohttp's errors.

    A refusal of the API itself (401, 403, 429, 5xx) is returned as it is, for the caller to judge.
    """
    answer = await session.get(url, headers=headers, allow_redirects=False, timeout=TIMEOUT)
    moved = urljoin(url, answer.headers.get("Location", ""))
    if answer.status in {301, 308} and urlsplit(moved)[:2] == urlsplit(url)[:2] and moved != url:
        # The repository was renamed: the API itself answers at another address. A log's address comes with 302.
        answer.release()
        answer = await session.get(moved, headers=headers, allow_redirects=False, timeout=TIMEOUT)
    for _ in range(MOST_HOPS):
        if answer.status not in MOVED:
            return await _checked(answer)
        target = _target(answer, hosts)
        # The signed address is its own permission; the token must not travel to the log store.
        spend()
        answer = await session.get(target, allow_redirects=False, timeout=TIMEOUT)
    if answer.status not in MOVED:
        return await _checked(answer)
    answer.release()
    raise Retry(f"GitHub redirected the log more than {MOST_HOPS} times")


def _target(answer: aiohttp.ClientResponse, hosts: LogHosts) -> URL:
    """Where the redirect leads; what is judged here is what is asked, parsed once."""
    location = answer.headers.get("Location", "")
    answer.release()
    try:
        target = answer.url.join(URL(location, encoded=True))
    except ValueError as error:
        raise Retry(f"GitHub redirected the log to {location[:80]!r}, which is no address") from error
    if not location or not target.raw_host:
        raise Retry(f"GitHub redirected the log to {location[:80]!r}, which is no address")
    if not hosts.allow(target):
        log.warning(
            "a log was not read: its host is not allowed; PIPELINE_LOG_HOSTS names further ones",
            scheme=target.scheme,
            host=target.raw_host,
        )
        raise NoLog(Absent.ELSEWHERE)
    return target


async def _checked(answer: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    why = {404: Absent.MISSING, 410: Absent.EXPIRED}.get(answer.status)
    if why is not None:
        answer.release()
        raise NoLog(why)
    return answer


async def chunks(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The log's bytes in pieces of at most 64 KB, up to 512 MB."""
    size = 0
    async for chunk in answer.content.iter_chunked(CHUNK):
        size += len(chunk)
        if size > LARGEST_LOG:
            return
        yield chunk
