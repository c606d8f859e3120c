"""One file of a repository's default branch, as raw bytes and never more of them than asked for.

Source: docs.github.com, "Get repository content": the raw media type answers with the file's bytes; a folder answers
with a JSON list whatever was asked for; an ETag works.
"""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
RAW = "application/vnd.github.raw+json"


@dataclass(frozen=True, slots=True)
class RepositoryFile:
    """The bytes of a file, at most as many as were asked for."""

    data: bytes
    etag: str


class NotModified(Exception):
    """304: the file is what it was when it had that ETag."""


class NoFile(Exception):
    """A folder or a submodule is at that path."""


class FileOpener:
    """Makes the request; with an ETag, GitHub answers that nothing changed, which costs no part of the limit."""

    def __init__(self, etag: str) -> None:
        self._etag = etag

    async def __call__(
        self, session: aiohttp.ClientSession, url: str, headers: dict[str, str]
    ) -> aiohttp.ClientResponse:
        """The open response; the caller closes it. Raises NotModified, NoFile, or aiohttp's errors."""
        asked = {**headers, "Accept": RAW} | ({"If-None-Match": self._etag} if self._etag else {})
        # aiohttp takes the token off where a redirect (a renamed repository) leads to another host.
        answer = await session.get(url, headers=asked, timeout=TIMEOUT, max_redirects=3)
        if answer.status == 304:
            answer.release()
            raise NotModified
        if answer.status == 200 and answer.content_type == "application/json":
            answer.close()
            raise NoFile
        return answer


async def first_bytes(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """The file's beginning; what is beyond is not even received."""
    parts, size = [], 0
    async for part in answer.content.iter_chunked(64 * 1024):
        parts.append(part)
        size += len(part)
        if size >= most:
            break
    return b"".join(parts)[:most]
