"""Is a server running? Asked where it can be asked: its socket, its lock, its address."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp

from bot.control import Refused, hand_over
from bot.doctor.check import Check
from bot.doctor.database_checks import judge_server
from bot.orders import Ping
from bot.settings import Settings
from storage.errors import StorageError
from storage.locations import SqliteFile, parse_url
from storage.lock import SoleProcess

TIMEOUT = aiohttp.ClientTimeout(total=5)


async def server_check(settings: Settings, session: aiohttp.ClientSession) -> Check:
    """One check; on PostgreSQL only a server at our own HOST and PORT can be seen from here."""
    try:
        location = parse_url(settings.database_url)
    except StorageError:
        return judge_server(answers=None, holder=None, ready=None)
    if not isinstance(location, SqliteFile):
        return judge_server(answers=None, holder=None, ready=await _readiness(settings, session))
    answers = None
    # Where nobody listens, the lock tells whether somebody works.
    with contextlib.suppress(OSError, Refused):
        answers = await asyncio.wait_for(hand_over(location.path, Ping()), 5)
    holder = SoleProcess(location.path).holder() if answers is None else None
    return judge_server(answers=answers, holder=holder, ready=None)


async def _readiness(settings: Settings, session: aiohttp.ClientSession) -> str | None:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    try:
        async with session.get(f"http://{host}:{settings.port}/readyz", timeout=TIMEOUT) as answer:
            said = (await answer.content.read(300)).decode("utf-8", "replace").strip()
            return said if answer.status in {200, 503} else None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None
