"""One web server taking over from another on the same socket."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from aiohttp import web

from bot.listening import Listening


async def answering(word: str) -> web.AppRunner:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=word)

    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    return runner


async def asked(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


async def test_who_connects_between_two_servers_is_answered_by_the_second() -> None:
    first, second = await answering("first"), await answering("second")
    with Listening("127.0.0.1", 0) as listening:
        url = await listening.attach(first)
        assert await asked(url) == "first"
        await listening.detach()
        await first.cleanup()
        waiting = asyncio.create_task(asked(url))
        host, _, port = url.removeprefix("http://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()
        assert not waiting.done()
        assert await listening.attach(second) == url
        async with asyncio.timeout(10):
            assert await waiting == "second"
        await second.cleanup()
    with pytest.raises(aiohttp.ClientConnectorError):
        await asked(url)


async def test_a_port_that_is_taken_is_an_error_at_once() -> None:
    runner = await answering("nobody")
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        Listening("127.0.0.1", taken.getsockname()[1]) as listening,
        pytest.raises(OSError, match="in use"),
    ):
        await listening.attach(runner)
    await runner.cleanup()


async def test_a_name_stands_for_all_its_addresses_that_the_machine_has() -> None:
    runner = await answering("here")
    with Listening("localhost", 0) as listening:
        url = await listening.attach(runner)
        assert await asked(url) == "here"
        await runner.cleanup()
