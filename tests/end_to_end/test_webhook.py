"""Every row of the HTTP contract."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from bot.demo import deliveries
from bot.demo.webhooks import Delivery, sign
from storage import inbox_admin
from tests.end_to_end.world import SECRET, World, opened


async def stored(world: World) -> int:
    """How many units of work there are or were."""
    async with world.parts.database.read() as conn:
        result = await conn.exec_driver_sql("SELECT count(*) FROM deliveries")
        return int(result.scalar_one())


def green(world: World) -> Delivery:
    return deliveries.workflow_run(world.state, world.run("success"))


async def test_a_signed_delivery_is_accepted_once_it_is_stored(world: World) -> None:
    assert await world.send(green(world)) == 202
    assert await stored(world) == 1


async def test_the_same_delivery_again_has_no_second_effect(world: World) -> None:
    run = world.run()
    world.job(run)
    delivery = deliveries.workflow_run(world.state, run)
    assert [await world.send(delivery), await world.send(delivery)] == [202, 202]
    await world.settled()
    assert await world.send(delivery) == 202
    await world.settled()
    assert len(world.issues) == 1
    assert world.github.count("POST", "/repos/{owner}/{repo}/check-runs") == 1


@pytest.mark.parametrize("event", ["workflow_job", "push", "ping", "star", "a_new_event"])
async def test_an_event_nobody_handles_is_answered_and_not_stored(world: World, event: str) -> None:
    delivery = Delivery(event, {"action": "completed", "zen": "Design for failure."}, app_id=world.app_id, guid="g-1")
    assert await world.send(delivery) == 202
    assert await stored(world) == 0


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=" + "0" * 64, "sha1=" + "0" * 40, "sha256=é", "nonsense"])
async def test_a_bad_signature_is_refused_and_nothing_is_stored(world: World, signature: str) -> None:
    delivery = green(world)
    headers = sign(SECRET, delivery.body, delivery)
    headers["X-Hub-Signature-256"] = signature
    assert await world.post(delivery.body, headers) == 401
    del headers["X-Hub-Signature-256"]
    assert await world.post(delivery.body, headers) == 401
    assert await stored(world) == 0


async def test_the_signature_is_over_the_bytes_as_they_came(world: World) -> None:
    delivery = green(world)
    headers = sign(SECRET, delivery.body, delivery)
    assert await world.post(delivery.body + b" ", headers) == 401


async def test_the_previous_secret_counts_during_rotation(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    async with opened(tmp_path, url, webhook_secret_previous="the old one") as world:
        assert await world.send(green(world), secret="the old one") == 202
        assert await world.send(green(world)) == 202
        assert await world.send(green(world), secret="another") == 401


@pytest.mark.parametrize("header", ["X-GitHub-Event", "X-GitHub-Delivery"])
async def test_a_delivery_without_its_headers_is_refused(world: World, header: str) -> None:
    delivery = green(world)
    headers = sign(SECRET, delivery.body, delivery)
    del headers[header]
    assert await world.post(delivery.body, headers) == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[1, 2]",
        b"null",
        b'"text"',
        b"{",
        b"{} trailing",
        b'{"a": "\xff"}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=["empty", "array", "null", "text", "cut", "trailing", "not utf-8", "100,000 levels"],
)
async def test_a_body_that_is_no_json_object_is_refused(world: World, body: bytes) -> None:
    delivery = green(world)
    assert await world.post(body, sign(SECRET, body, delivery)) == 400
    assert await stored(world) == 0


async def test_another_content_type_is_refused(world: World) -> None:
    delivery = green(world)
    headers = sign(SECRET, delivery.body, delivery)
    headers["Content-Type"] = "text/plain"
    assert await world.post(delivery.body, headers) == 415


async def test_a_form_encoded_delivery_is_read(world: World) -> None:
    delivery = green(world)
    body = urlencode({"payload": delivery.body.decode()}).encode()
    headers = sign(SECRET, body, delivery)
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    assert await world.post(body, headers) == 202
    assert await stored(world) == 1


@pytest.mark.parametrize("body", [b"nothing=1", b"payload=1&payload=2", b"payload=%5B%5D", b"%"])
async def test_a_form_without_one_payload_object_is_refused(world: World, body: bytes) -> None:
    headers = sign(SECRET, body, green(world))
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    assert await world.post(body, headers) == 400


async def test_an_announced_oversize_body_is_refused_before_it_is_read(world: World) -> None:
    host, _, port = world.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 30000000\r\n\r\n" + b"{" * 1000
    )
    async with asyncio.timeout(10):
        status = await reader.readline()
    writer.close()
    assert b"413" in status


async def test_an_oversize_body_in_chunks_is_refused(world: World) -> None:
    async def endless() -> object:
        for _ in range(27):
            yield b" " * 2**20

    headers = sign(SECRET, b"", green(world))
    try:
        async with world.session.post(f"{world.url}/webhook", data=endless(), headers=headers) as answer:
            status = answer.status
    except aiohttp.ClientConnectionError:
        # The server may hang up on a sender that goes on after the refusal.
        status = 413
    assert status == 413
    assert (await world.get("/healthz"))[0] == 200


async def test_a_compressed_body_is_refused_because_the_signature_is_over_what_is_sent(world: World) -> None:
    delivery = green(world)
    packed = gzip.compress(b" " * (40 * 2**20))
    headers = {**sign(SECRET, packed, delivery), "Content-Encoding": "gzip"}
    assert await world.post(packed, headers) == 415
    assert await stored(world) == 0


async def test_a_full_inbox_answers_503_with_retry_after(tmp_path: Path) -> None:
    async with opened(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}", inbox_capacity=0) as world:
        delivery = green(world)
        headers = sign(SECRET, delivery.body, delivery)
        async with world.session.post(f"{world.url}/webhook", data=delivery.body, headers=headers) as answer:
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) > 0
        assert await stored(world) == 0


async def test_without_credentials_the_server_says_so_and_takes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    async with opened(tmp_path, url, app_id=None, private_key_path=None) as world:
        assert await world.send(green(world)) == 503
        status, page = await world.get("/")
        assert status == 200
        assert "Not set up yet" in page


async def test_health_readiness_metrics_and_front_page(world: World) -> None:
    await world.fail()
    assert (await world.get("/healthz"))[0] == 200
    assert (await world.get("/readyz"))[0] == 200
    status, text = await world.get("/metrics")
    assert status == 200
    assert 'pipeline_deliveries_total{status="202"} 1.0' in text
    assert 'pipeline_jobs_total{outcome="done"} 1.0' in text
    assert "octo" not in text
    status, page = await world.get("/")
    assert "Set up as a GitHub App" in page


WRONG = [
    {"workflow_run": None},
    {"workflow_run": {"id": "one"}},
    {"workflow_run": [1]},
    {"repository": "octo/app"},
    {"repository": {"id": None, "full_name": 3}},
    {"repository": {"id": 2**63, "full_name": "octo/app"}},
    {"installation": {"id": 2**64}},
    {"installation": {"id": -1}},
    {"installation": 7},
    {"action": ["completed"]},
    {"action": {"a": 1}},
]


@pytest.mark.parametrize("change", WRONG, ids=[json.dumps(change) for change in WRONG])
async def test_wrong_types_end_dead_with_their_reason_and_never_in_500(world: World, change: dict[str, object]) -> None:
    payload = {**green(world).payload, **change}
    delivery = Delivery("workflow_run", payload, app_id=world.app_id, guid="wrong-1")
    status = await world.send(delivery)
    assert status in {202, 400}
    dead = await world.settled()
    assert status == 400 or dead.get("wrong-1")
    async with world.parts.database.read() as conn:
        census = await inbox_admin.census(conn)
    assert census.dead == len(dead)
    world.sent.clear()
    await world.fail()
    assert len(world.issues) == 1
