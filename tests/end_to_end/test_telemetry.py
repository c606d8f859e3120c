"""Errors and spans that go elsewhere: off by default, and without what must not leave."""

from __future__ import annotations

import asyncio
import gzip
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web

from bot import logs
from bot.telemetry import sentry, spans
from tests.end_to_end.world import REPO, opened

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("logging_kept")]

TOKEN = "ghp_" + "A1b2C3d4" * 4 + "abcd"
HAS_SENTRY = importlib.util.find_spec("sentry_sdk") is not None
HAS_OTEL = {"opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"} <= {
    str(one.name).lower() for one in importlib.metadata.distributions()
}
"""The extra itself: a part of it comes along with other packages."""


@asynccontextmanager
async def receiver() -> AsyncIterator[tuple[int, list[tuple[str, bytes]]]]:
    """A server that takes whatever is posted: its port, and the paths with the unpacked bodies."""
    got: list[tuple[str, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        got.append((request.path, gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body))
        return web.Response()

    app = web.Application()
    app.router.add_post("/{tail:.*}", take)
    runner = web.AppRunner(app, auto_decompress=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1], got
    finally:
        await runner.cleanup()


def test_neither_library_is_loaded_and_nothing_is_sent_unless_its_variable_is_set() -> None:
    code = (
        "import sys; from bot import app; from bot.telemetry import sentry, spans;"
        "assert sentry.started(str) is None; assert spans.started().tracer is None;"
        "assert not {'sentry_sdk', 'opentelemetry'} & set(sys.modules)"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(HAS_SENTRY, reason="the extra `sentry` is installed")
def test_a_dsn_without_the_library_is_told_and_harms_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info", "json")
    monkeypatch.setenv("SENTRY_DSN", "http://key@127.0.0.1:1/1")
    assert sentry.started(str) is None
    assert "pipeline-monitor[sentry]" in json.loads(capsys.readouterr().err)["event"]


@pytest.mark.skipif(HAS_OTEL, reason="the extra `otel` is installed")
def test_an_endpoint_without_the_library_is_told_and_harms_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info", "json")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    assert spans.started().tracer is None
    assert "pipeline-monitor[otel]" in json.loads(capsys.readouterr().err)["event"]


@pytest.mark.skipif(not HAS_SENTRY, reason="the extra `sentry` is not installed")
async def test_an_error_reaches_sentry_with_its_traceback_and_its_work_but_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sdk: Any = importlib.import_module("sentry_sdk")
    own = "a database password"
    async with receiver() as (port, got):
        monkeypatch.setenv("SENTRY_DSN", f"http://key@127.0.0.1:{port}/1")
        logs.configure("info", "json", [own], on_error=sentry.started(logs.Masks([own]).text))
        log = structlog.get_logger("test")
        with structlog.contextvars.bound_contextvars(delivery="d-1", installation=7, repository=REPO, run=3):
            log.info("nothing to tell")
            log.error("it went away", reason=f"{own} {TOKEN}")
            try:
                raise ValueError(f"no {TOKEN}, no {own}")
            except ValueError:
                log.exception("work failed")
        await asyncio.to_thread(sdk.flush, 10)
        await asyncio.to_thread(sdk.get_client().close)
    events = [json.loads(line) for _, body in got for line in body.splitlines() if b'"tags"' in line]
    assert [event["extra"]["event"] for event in events] == ["it went away", "work failed"]
    assert events[1]["exception"]["values"][0]["value"] == "no ***, no ***"
    assert all(event["tags"]["delivery"] == "d-1" and event["tags"]["repository"] == REPO for event in events)
    everything = b"".join(body for _, body in got)
    assert TOKEN.encode() not in everything
    assert own.encode() not in everything
    assert '"vars"' not in everything.decode()
    assert "work failed" in capsys.readouterr().err


@pytest.mark.skipif(not HAS_OTEL, reason="the extra `otel` is not installed")
async def test_a_unit_of_work_is_a_span_with_what_its_records_carry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proto: Any = importlib.import_module("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    async with receiver() as (port, got):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        async with opened(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}") as world:
            run = await world.fail()
            [delivery] = world.sent
    [(path, body)] = got
    assert path == "/v1/traces"
    request = proto.ExportTraceServiceRequest.FromString(body)
    [resource] = request.resource_spans
    assert {a.key: a.value.string_value for a in resource.resource.attributes}["service.name"] == "pipeline-monitor"
    made = [span for scope in resource.scope_spans for span in scope.spans]
    told = {a.key: a.value.string_value or a.value.int_value for a in made[0].attributes}
    assert made[0].name == "workflow_run"
    assert (told["pipeline.delivery"], told["pipeline.repository"], told["pipeline.run"]) == (delivery, REPO, run.id)
