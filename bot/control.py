"""A running server's back door for the command line: a Unix socket beside the SQLite file.

SQLite takes one writing process, so a command that writes hands its work to the server that has the file.
Whoever may open the socket may write the database file anyway: it is readable by its owner alone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import structlog
from aiohttp import web

from bot.intake import LARGEST_BODY, Intake
from bot.saved_delivery import SavedDelivery
from storage.errors import DatabaseUnavailable, InboxFull

log = structlog.get_logger(__name__)

LONGEST_PATH = 100
"""The kernel takes about so many bytes as the address of a Unix socket."""


def socket_path(database: Path) -> Path:
    """Where the socket of the server on this database file is."""
    return database.with_name(database.name + ".sock")


@contextlib.asynccontextmanager
async def listening(database: Path, intake: Intake) -> AsyncIterator[None]:
    """Take deliveries from the command line as long as the context is open."""
    path = socket_path(database)
    if len(os.fsencode(path.absolute())) > LONGEST_PATH:
        log.warning("the path is too long for a socket; commands that write need the server stopped", path=str(path))
        yield
        return

    async def deliver(request: web.Request) -> web.Response:
        saved = msgspec.json.decode(await request.read(), type=SavedDelivery)
        try:
            fresh = await intake(saved.event, saved.delivery, msgspec.json.encode(saved.payload))
        except (InboxFull, DatabaseUnavailable, ValueError) as error:
            return web.json_response({"error": str(error)}, status=503)
        return web.json_response({"fresh": fresh})

    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_post("/deliveries", deliver)
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


async def hand_over(database: Path, saved: SavedDelivery) -> bool | None:
    """Give a delivery to the server that has the database. None: it is no work; otherwise whether it was new.

    Raises OSError or aiohttp.ClientError where the server cannot be reached.
    """
    connector = aiohttp.UnixConnector(str(socket_path(database)))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.post("http://server/deliveries", data=msgspec.json.encode(saved)) as answer,
    ):
        told = await answer.json()
        if answer.status != 200:
            raise OSError(f"the server refused it: {told.get('error')}")
        fresh: bool | None = told["fresh"]
        return fresh
