"""Who we are to GitHub: the App's JWT, installation tokens, or a user's token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.github.clock import MOST_SKEW, correction

JWT_LIFE = 9 * 60
"""GitHub accepts at most ten minutes; a minute is left for clocks that differ."""
RENEW_EARLY = 5 * 60
"""Seconds before its end at which an installation token is not used any more."""


class AppKey:
    """The App's identity. The key is loaded once: parsing it costs a hundred times as much as signing."""

    def __init__(self, app_id: int, pem: bytes, *, wall: Callable[[], float] = time.time) -> None:
        self.app_id = app_id
        self._key = load_pem_private_key(pem, password=None)
        self._wall = wall
        self._cached = ("", 0.0)
        self._correction = 0.0

    def now(self) -> float:
        """GitHub's time in epoch seconds, as far as it is known to differ from ours."""
        return self._wall() + self._correction

    def learn(self, date: str | None) -> float | None:
        """Take GitHub's time from the Date header of a refusal, and sign by it from now on.

        Returns the seconds that are added to our time now, None where that changes nothing.
        """
        found = correction(date, self._wall())
        if found is None or abs(found - self._correction) <= MOST_SKEW:
            return None
        self._correction = found
        self._cached = ("", 0.0)
        return found

    def token(self) -> str:
        """A JWT for calls as the App itself, back-dated a minute against clocks that run ahead."""
        now = self.now()
        text, good_until = self._cached
        if now < good_until:
            return text
        claims = {"iat": int(now) - 60, "exp": int(now) + JWT_LIFE - 60, "iss": str(self.app_id)}
        text = jwt.encode(claims, self._key, algorithm="RS256")  # type: ignore[arg-type]
        self._cached = (text, now + JWT_LIFE - 180)
        return text


@dataclass(frozen=True, slots=True)
class InstallationToken:
    """A token of one installation, opaque, good until `expires_at` (epoch seconds)."""

    text: str
    expires_at: float


class InstallationTokens:
    """Installation tokens, cached until shortly before their end; concurrent callers share one request."""

    def __init__(
        self,
        mint: Callable[[int], Awaitable[InstallationToken]],
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._mint = mint
        self._wall = wall
        self._tokens: dict[int, InstallationToken] = {}
        self._locks: dict[int, asyncio.Lock] = {}

    async def token(self, installation_id: int) -> str:
        """A token that is good for at least five minutes."""
        async with self._locks.setdefault(installation_id, asyncio.Lock()):
            known = self._tokens.get(installation_id)
            if known is None or known.expires_at - RENEW_EARLY <= self._wall():
                known = await self._mint(installation_id)
                self._tokens[installation_id] = known
            return known.text

    def forget(self, installation_id: int, text: str) -> None:
        """Drop a token that GitHub refused, unless another has taken its place already."""
        known = self._tokens.get(installation_id)
        if known is not None and known.text == text:
            del self._tokens[installation_id]
