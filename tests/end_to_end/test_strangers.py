"""Whoever reaches the port without being GitHub gets nothing done, and holds up nobody."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot import logs
from bot.demo import deliveries
from bot.demo.webhooks import Delivery, sign
from tests.end_to_end.processes import buried, outside
from tests.end_to_end.test_conclusions import failures_of
from tests.end_to_end.test_webhook import green, stored
from tests.end_to_end.world import SECRET, World, opened

pytestmark = pytest.mark.slow

TARGET = "X-GitHub-Hook-Installation-Target-ID"
TYPE = "X-GitHub-Hook-Installation-Target-Type"
LOG_ROUTE = "GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs"


@asynccontextmanager
async def hasty(tmp_path: Path) -> AsyncIterator[World]:
    """A server that waits a fraction of a second for each request."""
    async with opened(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}", request_seconds=0.4) as world:
        yield world


@asynccontextmanager
async def connected(world: World) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection to the server."""
    host, _, port = world.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(30):
            yield reader, writer
    finally:
        writer.close()


async def _end(reader: asyncio.StreamReader) -> None:
    """Until the server has closed the connection, or reset it because more was still coming."""
    with contextlib.suppress(ConnectionError):
        await reader.read()


@pytest.mark.parametrize(("kind", "app"), [("integration", "999999"), ("repository", "79929171"), ("", "x")])
async def test_a_delivery_of_another_app_or_hook_is_refused(world: World, kind: str, app: str) -> None:
    delivery = green(world)
    headers = {**sign(SECRET, delivery.body, delivery), TARGET: app, TYPE: kind}
    assert await world.post(delivery.body, headers) == 403
    assert await stored(world) == 0
    assert await world.send(delivery) == 202
    assert await stored(world) == 1


async def test_a_delivery_that_does_not_say_whose_it_is_counts_by_its_signature(world: World) -> None:
    delivery = green(world)
    headers = sign(SECRET, delivery.body, delivery)
    del headers[TARGET], headers[TYPE]
    assert await world.post(delivery.body, headers) == 202
    assert await stored(world) == 1


async def test_whose_it_is_is_not_told_to_who_cannot_sign(world: World) -> None:
    delivery = green(world)
    assert await world.post(delivery.body, {**sign("guessed", delivery.body, delivery), TARGET: "1"}) == 401


@pytest.mark.parametrize(
    "extra",
    [{f"X-Stranger-{number}": "1" for number in range(500)}, {"X-Stranger": "a" * 20_000}],
    ids=["500 headers", "a header of 20,000 bytes"],
)
async def test_headers_without_end_are_refused(world: World, extra: dict[str, str]) -> None:
    delivery = green(world)
    assert await world.post(delivery.body, {**sign(SECRET, delivery.body, delivery), **extra}) == 400
    assert await stored(world) == 0
    assert (await world.get("/healthz"))[0] == 200


async def test_what_is_no_http_is_a_line_of_the_log_and_no_traceback(tmp_path: Path) -> None:
    async with outside(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}") as around:
        server = await around.serve("--no-worker")
        try:
            host, _, port = around.url.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"POST /webhook HTTP/1.1\r\nHost: x\r\nno header\r\n\r\n")
            assert b" 400 " in await reader.readline()
            writer.close()
            await server.said("could not be read")
            assert "Traceback" not in server.output
        finally:
            await buried([server])


@pytest.mark.parametrize("depth", [50, 400, 900, 2_000, 50_000])
async def test_nesting_is_stored_as_far_as_the_worker_reads_it_and_refused_beyond(world: World, depth: int) -> None:
    body = json.dumps(green(world).payload)[:-1].encode() + b', "deep": ' + b"[" * depth + b"]" * depth + b"}"
    delivery = Delivery("workflow_run", {}, app_id=world.app_id, guid="deep")
    world.sent.append("deep")
    assert await world.post(body, sign(SECRET, body, delivery)) == (202 if depth < 1_000 else 400)
    assert await world.settled() == {}


@pytest.mark.parametrize("start", [b"", b"POST /webhook HTTP/1.1\r\nHost: x\r\nX-Tri", b"GET"])
async def test_who_trickles_a_head_is_cut_off_while_others_are_served(tmp_path: Path, start: bytes) -> None:
    async with hasty(tmp_path) as world, connected(world) as (reader, writer):
        writer.write(start)
        gone = asyncio.create_task(_end(reader))
        while not gone.done():
            # One byte at a time, as a slow-loris client does; what comes after the end is nobody's business.
            writer.write(b"c" if start else b"")
            assert (await world.get("/healthz"))[0] == 200
        assert await world.send(green(world)) == 202


async def test_who_trickles_a_body_is_cut_off_while_others_are_served(tmp_path: Path) -> None:
    async with hasty(tmp_path) as world, connected(world) as (reader, writer):
        writer.write(b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
        writer.write(b"X-Hub-Signature-256: sha256=0\r\nContent-Length: 1000000\r\n\r\n{")
        answer = asyncio.create_task(reader.readline())
        while not answer.done():
            writer.write(b" ")
            assert (await world.get("/healthz"))[0] == 200
        assert b"408 Request Timeout" in await answer
        gone = asyncio.create_task(_end(reader))
        while not gone.done():
            writer.write(b" ")
            assert (await world.get("/healthz"))[0] == 200
        assert await world.send(green(world)) == 202
        assert await stored(world) == 1


async def test_a_hundred_idle_strangers_keep_nobody_out(world: World) -> None:
    async with asyncio.timeout(30):
        host, _, port = world.url.removeprefix("http://").partition(":")
        open_ones = [await asyncio.open_connection(host, int(port)) for _ in range(100)]
        assert [await world.send(green(world)) for _ in range(5)] == [202] * 5
    for _, writer in open_ones:
        writer.close()


async def test_every_answer_names_its_request(world: World) -> None:
    for path, method in (("/webhook", "POST"), ("/healthz", "GET"), ("/nowhere", "GET"), ("/webhook", "GET")):
        async with world.session.request(method, world.url + path) as answer:
            assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])


@pytest.mark.parametrize(("given", "kept"), [("4f1a9c02-be7d-5a33", True), ("a b c d e f g h", False), ("x", False)])
async def test_a_name_that_a_proxy_gave_is_kept_if_it_is_one(world: World, given: str, kept: bool) -> None:
    async with world.session.get(f"{world.url}/healthz", headers={"X-Request-ID": given}) as answer:
        assert (answer.headers["X-Request-ID"] == given) is kept


async def test_a_refusal_is_logged_under_the_name_of_its_request(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info", "json")
    delivery = green(world)
    headers = {**sign("guessed", delivery.body, delivery), "X-Request-ID": "request-0001"}
    assert await world.post(delivery.body, headers) == 401
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    [line] = [line for line in lines if line["event"] == "a delivery was refused"]
    assert (line["request"], line["status"], line["delivery"]) == ("request-0001", 401, delivery.guid)


@pytest.mark.parametrize(
    "location",
    ["https://logs.evil.test/job.txt", "http://169.254.169.254/latest/meta-data", "http://127.0.0.1.evil.test/x"],
)
async def test_a_log_elsewhere_is_not_fetched_and_the_failure_is_told_without_it(world: World, location: str) -> None:
    run = world.run()
    world.job(run)
    world.github.fail_next(LOG_ROUTE, 302, headers={"Location": location})
    await world.send_run(run)
    assert await world.settled() == {}
    [failure] = await failures_of(world)
    assert "does not read from" in " ".join(failure.reasons)
    assert world.github.count("GET", "log-store") == 0
    [check] = world.check_runs
    assert check.conclusion == "neutral"


async def test_a_log_store_cannot_send_on_to_elsewhere(world: World) -> None:
    run = world.run()
    world.job(run)
    world.github.fail_next("log-store", 302, headers={"Location": "https://logs.evil.test/job.txt"})
    await world.send_run(run)
    assert await world.settled() == {}
    [failure] = await failures_of(world)
    assert "does not read from" in " ".join(failure.reasons)


@pytest.mark.parametrize("field", ["logs_url", "jobs_url", "url", "artifacts_url", "workflow_url", "check_suite_url"])
async def test_no_address_of_a_payload_is_ever_asked(world: World, field: str) -> None:
    run = world.run()
    world.job(run)
    delivery = deliveries.workflow_run(world.state, run)
    delivery.payload["workflow_run"][field] = "http://127.0.0.1:9/steal"
    delivery.payload["repository"]["url"] = "http://127.0.0.1:9/steal"
    assert await world.send(delivery) == 202
    assert await world.settled() == {}
    assert len(world.issues) == 1
