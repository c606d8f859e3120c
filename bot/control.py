"""A running server's back door for the command line: a Unix socket beside the SQLite file.

One request: an order (`bot.orders`) as JSON, answered by `{"answer": …}` or `{"error": "…"}`. Whoever may open the
socket may write the database file anyway: it is readable by its owner alone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import structlog
from aiohttp import web

from bot.intake import LARGEST_BODY
from bot.orders import ANSWERS, Order, Orders
from storage.errors import StorageError

log = structlog.get_logger(__name__)

LONGEST_PATH = 100
"""The kernel takes about so many bytes as the address of a Unix socket."""
PATIENCE = aiohttp.ClientTimeout(total=None, connect=10)
"""Pruning a large database takes minutes; a server that is gone refuses at once."""


def socket_path(database: Path) -> Path:
    """Where the socket of the server on this database file is."""
    return database.with_name(database.name + ".sock")


@contextlib.asynccontextmanager
async def listening(database: Path, orders: Orders) -> AsyncIterator[None]:
    """Take orders from the command line as long as the context is open."""
    path = socket_path(database)
    if len(os.fsencode(path.absolute())) > LONGEST_PATH:
        log.warning("the path is too long for a socket; commands that write need the server stopped", path=str(path))
        yield
        return

    async def take(request: web.Request) -> web.Response:
        try:
            order = msgspec.json.decode(await request.read(), type=Order)
        except (msgspec.MsgspecError, RecursionError) as error:
            return _refused(400, f"this version of the server does not know that order: {error}")
        try:
            answer = await orders(order)
        except (StorageError, ValueError) as error:
            return _refused(503, str(error))
        return web.Response(body=msgspec.json.encode({"answer": answer}), content_type="application/json")

    app = web.Application(client_max_size=2 * LARGEST_BODY)
    app.router.add_post("/", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    path.unlink(missing_ok=True)
    old = os.umask(0o177)
    try:
        await web.UnixSite(runner, str(path)).start()
    finally:
        os.umask(old)
    try:
        yield
    finally:
        await runner.cleanup()
        path.unlink(missing_ok=True)


def _refused(status: int, reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=status)


class Refused(Exception):
    """The server that has the database did not carry the order out; the text says why."""


async def hand_over(database: Path, order: Order) -> Any:
    """The answer of the server that has the database.

    Raises:
        OSError: nobody listens beside the database.
        Refused: the server answered, but not with what was asked for.
    """
    connector = aiohttp.UnixConnector(str(socket_path(database)))
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=PATIENCE) as session,
            session.post("http://server/", data=msgspec.json.encode(order)) as answer,
        ):
            told = msgspec.json.decode(await answer.read(), type=dict[str, Any])
    except aiohttp.ClientError as error:
        raise OSError(f"the server does not answer: {error}") from error
    except msgspec.MsgspecError as error:
        raise Refused(f"the server's answer is not understood: {error}") from error
    if "answer" not in told:
        raise Refused(str(told.get("error")))
    return msgspec.convert(told["answer"], ANSWERS[type(order)])
