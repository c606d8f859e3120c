"""GitHub asked once and plainly, for a diagnosis: no retries, nothing hidden, every refusal an answer."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp

from bot.github.reply import Reply
from bot.github.transport import API_VERSION, LARGEST_ANSWER, REQUESTER

TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)
MOST_PAGES = 5


class Inspector:
    """Requests in anybody's name. Tokens are given with each and kept nowhere."""

    def __init__(self, session: aiohttp.ClientSession, api_url: str) -> None:
        self._session = session
        self._api_url = api_url

    async def get(self, path: str, token: str) -> Reply:
        """`GET` of a path such as `/app`; redirects are not followed."""
        return await self._ask("GET", f"{self._api_url}{path}", token, None)

    async def post(self, path: str, token: str, body: dict[str, Any]) -> Reply:
        """`POST` of something that creates no content."""
        return await self._ask("POST", f"{self._api_url}{path}", token, body)

    async def convert(self, code: str) -> Reply:
        """Buy an App's credentials with the code of the manifest flow; a code is good once. In nobody's name."""
        return await self._ask("POST", f"{self._api_url}/app-manifests/{quote(code, safe='')}/conversions", "", None)

    async def pages(self, path: str, token: str) -> Reply:
        """A list over its pages, 500 elements at most; the first page's headers."""
        first = await self.get(f"{path}?per_page=100", token)
        found, last = first.objects, first
        for number in range(2, MOST_PAGES + 1):
            if 'rel="next"' not in last.headers.get("link", ""):
                break
            last = await self.get(f"{path}?per_page=100&page={number}", token)
            found = [*found, *last.objects]
        return first if first.status != 200 else Reply(200, found, first.headers, at=first.at)

    async def graphql(self, query: str, variables: dict[str, str], token: str) -> Reply:
        """A GraphQL query; on GitHub Enterprise Server its address stands beside `/api/v3`."""
        root = self._api_url.removesuffix("/v3") if urlsplit(self._api_url).path.endswith("/api/v3") else self._api_url
        return await self._ask("POST", f"{root}/graphql", token, {"query": query, "variables": variables})

    async def _ask(self, method: str, url: str, token: str, body: dict[str, Any] | None) -> Reply:
        headers = {
            **({"Authorization": f"Bearer {token}"} if token else {}),
            "Accept": "application/vnd.github+json",
            "User-Agent": REQUESTER,
            "X-GitHub-Api-Version": API_VERSION,
        }
        try:
            async with self._session.request(
                method, url, headers=headers, json=body, timeout=TIMEOUT, allow_redirects=False
            ) as answer:
                raw = await answer.content.read(LARGEST_ANSWER)
                while piece := await answer.content.read(LARGEST_ANSWER - len(raw)):
                    raw += piece
                lower = {name.lower(): value for name, value in answer.headers.items()}
                return Reply(answer.status, _json(raw), lower, at=time.time())
        except TimeoutError:
            return Reply(0, error=f"no answer within {TIMEOUT.total:.0f} seconds")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Reply(0, error=f"{type(error).__name__}: {error}"[:300])


async def convert_once(api_url: str, code: str) -> Reply:
    """`Inspector.convert` for a server that has no other business with GitHub yet."""
    async with aiohttp.ClientSession() as session:
        return await Inspector(session, api_url).convert(code)


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
