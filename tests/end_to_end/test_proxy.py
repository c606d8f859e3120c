"""WEBHOOK_PROXY_URL: deliveries fetched from a channel of server-sent events, held against their signature."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from bot import settings
from bot.demo import deliveries
from bot.demo.webhooks import Delivery, sign
from bot.proxy import Events, Lines, NotTaken, Proxy, read_message
from bot.settings import serving_mistakes
from tests.end_to_end.world import REPO, SECRET, World, opened

pytestmark = pytest.mark.slow

SECRETS = (SECRET.encode(),)


@dataclass
class Channel:
    """A smee.io channel on loopback: what is put in goes to whoever listens; None hangs up."""

    url: str = ""
    waiting: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    seen_ids: list[str | None] = field(default_factory=list)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        self.seen_ids.append(request.headers.get("Last-Event-ID"))
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b"event: ready\ndata: {}\n\n: a comment\n\n")
        while (piece := await self.waiting.get()) is not None:
            await answer.write(piece)
        return answer

    def pass_on(self, delivery: Delivery, number: int = 1, secret: str = SECRET) -> None:
        """A delivery as smee.io sends it: headers in lower case, the body parsed."""
        self.waiting.put_nowait(f"id: {number}\ndata: {as_message(delivery, secret)}\n\n".encode())


def as_message(delivery: Delivery, secret: str = SECRET) -> str:
    body = json.dumps(delivery.payload, separators=(",", ":"), ensure_ascii=False).encode()
    headers = {name.lower(): value for name, value in sign(secret, body, delivery).items()}
    return json.dumps({**headers, "body": delivery.payload, "query": {}, "timestamp": 1})


@asynccontextmanager
async def opened_channel() -> AsyncIterator[Channel]:
    channel = Channel()
    server = web.Application()
    server.router.add_get("/channel", channel.stream)
    runner = web.AppRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    channel.url = f"http://127.0.0.1:{runner.addresses[0][1]}/channel"
    yield channel
    channel.waiting.put_nowait(None)
    await runner.cleanup()


async def reported(world: World) -> None:
    """Wait for the check run."""
    async with asyncio.timeout(30):
        while not world.check_runs:
            wakeup = world.parts.database.wakeup
            await wakeup.wait(wakeup.ticket, 0.1)


def failed_run(world: World, title: str = "Grüße – 世界") -> Delivery:
    run = world.run(display_title=title)
    world.job(run)
    return deliveries.workflow_run(world.state, run)


async def test_the_server_works_on_what_the_channel_brings(tmp_path: Path) -> None:
    async with opened_channel() as channel:
        url = f"sqlite:///{tmp_path / 'pipeline.db'}"
        async with opened(tmp_path, url, webhook_proxy_url=channel.url) as world:
            channel.pass_on(failed_run(world))
            await reported(world)
            assert world.issues
            channel.waiting.put_nowait(None)


async def test_a_broken_connection_goes_on_after_the_last_event() -> None:
    taken: list[str] = []
    again = asyncio.Event()

    async def intake(event: str, guid: str, body: bytes) -> bool:
        taken.append(guid)
        again.set()
        return True

    async with opened_channel() as channel:
        proxy = Proxy(channel.url, intake, SECRETS, first_wait=0.01)  # type: ignore[arg-type]
        task = asyncio.create_task(proxy.run())
        for number in (7, 8):
            channel.pass_on(Delivery("ping", {"zen": "Ünïcode"}, 1, guid=f"guid-{number}"), number)
            async with asyncio.timeout(30):
                await again.wait()
            again.clear()
            channel.waiting.put_nowait(None)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert taken == ["guid-7", "guid-8"]
    assert channel.seen_ids[:2] == [None, "7"]


async def test_a_wrong_signature_is_not_taken(tmp_path: Path) -> None:
    async with opened_channel() as channel:
        url = f"sqlite:///{tmp_path / 'pipeline.db'}"
        async with opened(tmp_path, url, webhook_proxy_url=channel.url) as world:
            forged, good = failed_run(world), failed_run(world)
            channel.pass_on(forged, secret="another")
            channel.pass_on(good)
            await reported(world)
            assert len(world.state.check_runs_named(REPO)) == 1
            rows = await world.parts.database.write(lambda tx: tx.exec_driver_sql("SELECT guid FROM deliveries"))
            assert [row[0] for row in rows] == [good.guid]
            channel.waiting.put_nowait(None)


@pytest.mark.parametrize(
    ("url", "secret", "words"),
    [
        ("https://smee.io/abc", None, "WEBHOOK_PROXY_URL brings deliveries from outside"),
        ("https://smee.io/abc", SECRET, ""),
        ("http://127.0.0.1:1/abc", None, ""),
    ],
)
def test_unsigned_deliveries_come_from_this_machine_only(url: str, secret: str | None, words: str) -> None:
    given = {"token": "x", "webhook_proxy_url": url, "webhook_secret": secret}
    mistakes = serving_mistakes(settings.load(given, env_file=None))
    assert words in "".join(mistakes)
    assert bool(mistakes) == bool(words)


def test_what_is_signed_is_the_body_written_again() -> None:
    payload = {"action": "completed", "text": 'ünïcode "quoted" \u2028 </script> \\ \n', "n": 3, "f": None, "t": True}
    delivery = Delivery("workflow_run", payload, 1, guid="g")
    message = read_message(as_message(delivery), SECRETS)
    assert (message.event, message.delivery) == ("workflow_run", "g")
    assert json.loads(message.body) == payload


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"body": {"action": "requested"}}, "signature"),
        ({"x-hub-signature-256": ""}, "signature"),
        ({"x-github-event": ""}, "x-github-event"),
        ({"x-github-delivery": "a b"}, "x-github-delivery"),
    ],
    ids=["body", "no signature", "no event", "bad id"],
)
def test_a_message_that_was_changed_is_refused(change: dict[str, object], words: str) -> None:
    message = json.loads(as_message(Delivery("workflow_run", {"action": "completed"}, 1)))
    with pytest.raises(NotTaken, match=words):
        read_message(json.dumps(message | change), SECRETS)


@pytest.mark.parametrize("data", ["", "[]", "{}", "{", '{"body": "\\ud800"}', "[" * 100_000], ids=range(6))
def test_what_is_no_delivery_is_refused(data: str) -> None:
    with pytest.raises(NotTaken):
        read_message(data, ())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_stream_is_read_however_it_is_cut_and_whichever_its_line_ends(size: int) -> None:
    stream = (
        b'\r\nid: 4\rdata: {"a":\ndata:  "\xc3\xbc"}\r\n\r\nevent: ping\ndata: {}\n\n: note\ndata: last\n\nid: 5\n\n'
    )
    lines, events, found = Lines(), Events(), []
    for start in range(0, len(stream), size):
        found += [data for line in lines.feed(stream[start : start + size]) if (data := events.feed(line)) is not None]
    assert found == ['{"a":\n "ü"}', "last"]
    assert events.last_id == "5"
