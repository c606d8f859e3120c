"""gidgethub over aiohttp, made safe: time limits, no redirected writes, and our own errors above it.

gidgethub's and aiohttp's exceptions stop here.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import aclosing, asynccontextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urljoin

import aiohttp
import gidgethub
from gidgethub.aiohttp import GitHubAPI
from gidgethub.sansio import accept_format, format_url

from bot.errors import Forbidden, GitHubRefused, Gone, Invalid, NotFound, Retry
from bot.github.joblog import NoLog
from bot.github.limits import Limits
from bot.github.spending import spend

Result = TypeVar("Result")
REQUESTER = "pipeline-monitor"
API_VERSION = "2022-11-28"
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
"""GitHub itself ends a request after ten seconds."""
READ_TRIES = 3
LARGEST_ANSWER = 32 * 2**20
UNREADABLE = (
    aiohttp.ClientError,
    TimeoutError,
    ValueError,  # bad JSON, bad UTF-8, and gidgethub on a status that HTTP does not know, such as 520
    KeyError,  # gidgethub on an error whose body is not GitHub's
    TypeError,
    AttributeError,
)


NO_ANSWER = "none"
"""The status of a request that was not answered."""
OnCall = Callable[[str, str, str], None]
"""Told of each request: method, route, status."""
_ROUTE: ContextVar[str] = ContextVar("route")
"""The route that is being asked for, as GitHub documents it: an address would name repositories."""


class Refused(Exception):
    """401: the credentials are not, or not any longer, accepted."""


MOVED = frozenset({301, 307, 308})


class _Api(GitHubAPI):
    """gidgethub's client, except that a redirect never turns a write into a read.

    A renamed repository answers 301 with its lasting address; GitHub asks to repeat the request there
    (docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api, "Follow redirects").
    """

    on_call: OnCall

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        status, answered, content = await self._send(method, url, headers, body)
        target = urljoin(url, answered.get("location", ""))
        if method != "GET" and status in MOVED and target != url:
            return await self._send(method, target, headers, body)
        return status, answered, content

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        if not url.startswith(f"{self.base_url}/"):
            raise aiohttp.InvalidURL(url, "not an address of the API; the token is not sent there")
        status = NO_ANSWER
        if not url.startswith(f"{self.base_url}/app"):
            spend()
        try:
            async with self._session.request(
                method,
                url,
                headers={**headers, "X-GitHub-Api-Version": API_VERSION},
                data=body,
                timeout=TIMEOUT,
                allow_redirects=method == "GET",
                max_redirects=3,
            ) as response:
                content = await _bounded(response)
                status = str(response.status)
                return response.status, response.headers, content
        finally:
            self.on_call(method, _ROUTE.get(), status)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The body, which in GitHub's answers is never larger than the bound."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > LARGEST_ANSWER:
            raise aiohttp.ClientPayloadError("answer is too large")
        parts.append(part)
    return b"".join(parts)


Cache = MutableMapping[str, tuple[str | None, str | None, Any, str | None]]
Forget = Callable[[str, Mapping[str, str]], None]
"""Told of a token that was refused, and of the refusal's headers."""
Opener = Callable[[aiohttp.ClientSession, str, dict[str, str]], Awaitable[aiohttp.ClientResponse]]


class Transport:
    """Requests in the name of one installation (or of the App, or of a user)."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        limits: Limits,
        token: Callable[[], Awaitable[str]],
        forget: Forget,
        cache: Cache | None = None,
        as_app: bool = False,
        on_call: OnCall | None = None,
    ) -> None:
        self._session = session
        self._on_call = on_call or (lambda _method, _route, _status: None)
        self._api = _Api(session, REQUESTER, base_url=base_url, cache=cache)
        self._api.on_call = self._on_call
        self._limits = limits
        self._token = token
        self._forget = forget
        self._auth = "jwt" if as_app else "oauth_token"

    @property
    def left(self) -> tuple[int, int, float] | None:
        """Requests left of how many, and when there will be more (epoch seconds), as GitHub said last."""
        known = self._api.rate_limit
        return None if known is None else (known.remaining, known.limit, known.reset_datetime.timestamp())

    @property
    def writes_wait(self) -> bool:
        """Whether a content write would have to wait for its turn now."""
        return self._limits.writes_wait

    async def get(self, url: str, /, *, accept: str = accept_format(), **url_vars: str) -> Any:
        """One object or array. Server errors are tried again briefly before the work is put back."""
        return await self._patiently(lambda auth: self._api.getitem(url, url_vars, accept=accept, **auth), url)

    async def get_once(self, url: str, /, **url_vars: str) -> Any:
        """One object, asked for a single time: nothing depends on the answer."""
        return await self._once(lambda auth: self._api.getitem(url, url_vars, **auth), url)

    async def all(self, url: str, /, *, key: str, most: int, **url_vars: str) -> list[Any]:
        """Every element over all pages, up to `most`. `key` is the list's name in a wrapped answer."""
        return await self.until(url, url_vars, key=key, most=most, enough=lambda _element: False)

    async def until(
        self, url: str, url_vars: Mapping[str, str], *, key: str, most: int, enough: Callable[[dict[str, Any]], bool]
    ) -> list[Any]:
        """The elements before the first of which `enough` says that neither it nor any after it is wanted."""

        async def collect(auth: Any) -> list[Any]:
            found: list[Any] = []
            pages: AsyncGenerator[Any, None] = self._api.getiter(url, dict(url_vars), iterable_key=key, **auth)
            async with aclosing(pages):
                async for element in pages:
                    if not isinstance(element, dict):
                        raise TypeError(f"expected a list of objects under {key!r}")
                    if enough(element):
                        break
                    found.append(element)
                    if len(found) >= most:
                        break
            return found

        return await self._patiently(collect, url)

    async def post(self, url: str, data: Any, /, **url_vars: str) -> Any:
        """A content write; never repeated here, because the first may have arrived."""
        await self._limits.turn_to_write()
        return await self._once(lambda auth: self._api.post(url, url_vars, data=data, **auth), url)

    async def patch(self, url: str, data: Any, /, **url_vars: str) -> Any:
        """Change what is there."""
        await self._limits.turn_to_write()
        return await self._once(lambda auth: self._api.patch(url, url_vars, data=data, **auth), url)

    async def mint(self, url: str, /, **url_vars: str) -> Any:
        """A POST that creates no content (an access token)."""
        return await self._once(lambda auth: self._api.post(url, url_vars, data={}, **auth), url)

    @asynccontextmanager
    async def stream(self, url: str, opener: Opener, /, **url_vars: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer that is not read into memory. `opener(session, url, headers)` makes the request."""
        filled = format_url(url, url_vars, base_url=self._api.base_url)

        async def call(auth: dict[str, str]) -> aiohttp.ClientResponse:
            answer = await self._opened(opener, filled, _headers(next(iter(auth.values()))))
            if answer.status == 200:
                return answer
            text = (await answer.content.read(2000)).decode("utf-8", "replace")
            answer.release()
            raise gidgethub.HTTPException(HTTPStatus(answer.status), text, headers=answer.headers)

        answer = await self._patiently(call, url)
        try:
            yield answer
        finally:
            answer.close()

    async def _opened(self, opener: Opener, url: str, headers: dict[str, str]) -> aiohttp.ClientResponse:
        status = NO_ANSWER
        spend()
        try:
            answer = await opener(self._session, url, headers)
            status = str(answer.status)
        except NoLog as error:
            status = str(error.status)
            raise
        finally:
            self._on_call("GET", _ROUTE.get(), status)
        return answer

    async def _patiently(self, call: Callable[[Any], Awaitable[Result]], url: str) -> Result:
        for number in range(READ_TRIES):
            try:
                return await self._once(call, url)
            except Retry as error:
                if not error.counts or number == READ_TRIES - 1:
                    raise
                # Jitter, so that workers that met the same outage do not come back in step.
                await asyncio.sleep(0.2 * 2**number * random.uniform(0.5, 1.5))  # noqa: S311
        raise AssertionError("unreachable")

    async def _once(self, call: Callable[[Any], Awaitable[Result]], url: str) -> Result:
        try:
            return await self._translated(call, url)
        except Refused:
            # A token may be revoked or expire early; one fresh one is worth a try.
            try:
                return await self._translated(call, url)
            except Refused as error:
                raise GitHubRefused(401, "the credentials are not accepted") from error

    async def _translated(self, call: Callable[[Any], Awaitable[Result]], url: str) -> Result:
        self._limits.check()
        token = await self._token()
        # Only now: a token that must be fetched first is a request of its own.
        _ROUTE.set(url.partition("?")[0])
        try:
            result = await call({self._auth: token})
        except gidgethub.HTTPException as error:
            if error.status_code == 401:
                self._forget(token, getattr(error, "headers", None) or {})
                raise Refused from error
            raise self._translate(error) from error
        except UNREADABLE as error:
            self._limits.failed()
            raise Retry(f"GitHub could not be reached: {type(error).__name__} {error}"[:300]) from error
        self._limits.worked()
        return result

    def _translate(self, error: gidgethub.HTTPException) -> Exception:
        status, message = int(error.status_code), str(error)[:300]
        headers: Mapping[str, str] = getattr(error, "headers", None) or {}
        wait = self._limits.limited(status, headers, message)
        if wait is not None:
            return Retry(f"GitHub's rate limit: {message}", after=wait, counts=False)
        if status >= 500:
            self._limits.failed()
            return Retry(f"GitHub answered {status}: {message}")
        if status < 400:
            return Retry(f"GitHub redirected a write ({status}); the repository may have been renamed")
        kind = {403: Forbidden, 404: NotFound, 410: Gone, 422: Invalid}.get(status, GitHubRefused)
        return kind(status, message, permission=headers.get("x-accepted-github-permissions", ""))


def _headers(token: str) -> dict[str, str]:
    """Headers of a call that goes past gidgethub."""
    return {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "User-Agent": REQUESTER,
        "X-GitHub-Api-Version": API_VERSION,
    }
