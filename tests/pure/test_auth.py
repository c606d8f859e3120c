"""Who we are to GitHub: the App's JWT and the installations' tokens."""

from __future__ import annotations

import asyncio

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.demo.github.identities import private_key
from bot.github.auth import RENEW_EARLY, AppKey, InstallationToken, InstallationTokens

PEM = private_key("auth").encode()


class Mint:
    """Gives out numbered tokens that live an hour, one request at a time."""

    def __init__(self) -> None:
        self.now = 10_000.0
        self.asked: list[int] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None

    async def __call__(self, installation: int) -> InstallationToken:
        self.asked.append(installation)
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return InstallationToken(f"token {len(self.asked)}", self.now + 3600)


@pytest.fixture
def mint() -> Mint:
    """A mint whose door is open."""
    return Mint()


def tokens(mint: Mint) -> InstallationTokens:
    """Tokens of that mint, on its clock."""
    return InstallationTokens(mint, wall=lambda: mint.now)


async def test_many_callers_share_one_request(mint: Mint) -> None:
    mint.open.clear()
    held = tokens(mint)
    waiting = [asyncio.ensure_future(held.token(1)) for _ in range(20)]
    await asyncio.sleep(0)
    mint.open.set()
    assert set(await asyncio.gather(*waiting)) == {"token 1"}
    assert mint.asked == [1]


async def test_each_installation_has_its_own(mint: Mint) -> None:
    held = tokens(mint)
    assert await held.token(1) != await held.token(2)
    assert mint.asked == [1, 2]


async def test_a_token_is_renewed_five_minutes_before_its_end(mint: Mint) -> None:
    held = tokens(mint)
    await held.token(1)
    mint.now += 3600 - RENEW_EARLY - 1
    assert await held.token(1) == "token 1"
    mint.now += 1
    assert await held.token(1) == "token 2"


async def test_a_refused_token_is_forgotten_unless_another_took_its_place(mint: Mint) -> None:
    held = tokens(mint)
    first = await held.token(1)
    held.forget(1, first)
    second = await held.token(1)
    held.forget(1, first)
    assert await held.token(1) == second
    assert mint.asked == [1, 1]


async def test_a_failed_request_is_not_remembered(mint: Mint) -> None:
    held = tokens(mint)
    mint.error = OSError("no network")
    with pytest.raises(OSError, match="no network"):
        await held.token(1)
    mint.error = None
    assert await held.token(1) == "token 2"


async def test_a_caller_who_gives_up_does_not_lock_the_others_out(mint: Mint) -> None:
    mint.open.clear()
    held = tokens(mint)
    first, second = asyncio.ensure_future(held.token(1)), asyncio.ensure_future(held.token(1))
    await asyncio.sleep(0)
    first.cancel()
    mint.open.set()
    assert await second == "token 2"


def test_the_jwt_is_backdated_short_and_signed_by_the_app() -> None:
    now = [1_000_000.0]
    key = AppKey(42, PEM, wall=lambda: now[0])
    public = load_pem_private_key(PEM, password=None).public_key()
    claims = jwt.decode(key.token(), public, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False})
    assert claims["iss"] == "42"
    assert claims["iat"] <= now[0] - 60
    assert claims["exp"] - claims["iat"] <= 600


def test_the_jwt_is_signed_again_before_it_ends() -> None:
    now = [1_000_000.0]
    key = AppKey(42, PEM, wall=lambda: now[0])
    first = key.token()
    now[0] += 60
    assert key.token() == first
    now[0] += 9 * 60
    assert key.token() != first
