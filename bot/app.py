"""Composition root: opens everything, starts web and worker, closes in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp
import structlog
from aiohttp import web

from bot import control
from bot.backfill import Backfill
from bot.config_source import ConfigSource
from bot.dispatcher import Dispatcher
from bot.github.auth import AppKey
from bot.github.gateway import Gateway
from bot.history_work import HistoryWork
from bot.intake import Intake
from bot.known_work import KnownWork
from bot.listening import Listening
from bot.log_reader import LogReader
from bot.metrics import Metrics
from bot.monitor import PipelineMonitor
from bot.orders import Orders
from bot.perform.boards import Boards
from bot.perform.digests import Digests
from bot.perform.handoff import HandOffs
from bot.perform.ledger import Ledger
from bot.perform.performer import Performer
from bot.perform.requests import Requests
from bot.perform.warnings import Warnings
from bot.probes import Probes
from bot.proxy import Proxy
from bot.reading import RunReader
from bot.router import build_router
from bot.services import Services
from bot.settings import Settings
from bot.setup.flow import Setup
from bot.setup.routes import SetupRoutes
from bot.suite_reading import SuiteReader
from bot.sweep import Sweep
from bot.telemetry.spans import Spans
from bot.telemetry.spans import started as started_spans
from bot.token_config import watched_repositories
from bot.upkeep import Upkeep
from bot.web import WebhookHandler, WebhookRules
from bot.worker import Handle, Worker
from storage import inbox, inbox_admin
from storage.database import Database
from storage.errors import DatabaseUnavailable
from storage.inbox_accept import Acceptor
from storage.locations import SqliteFile, parse_url
from storage.lock import SoleProcess
from storage.model import Job

log = structlog.get_logger(__name__)

MOST_LISTED = 100_000
LONGEST_LOOK = 3.0
"""Seconds after which a database that has not answered is not ready."""
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Parts:
    """What one process is made of."""

    settings: Settings
    database: Database
    intake: Intake
    worker: Worker
    gateway: Gateway
    upkeep: Upkeep
    metrics: Metrics
    history: HistoryWork
    setup: Setup | None = None


@asynccontextmanager
async def assembled(
    settings: Settings, *, clock: Clock = time.time, inbox_capacity: int = 20_000, setup: Setup | None = None
) -> AsyncIterator[Parts]:
    """Everything, opened and wired; the database is migrated, and on SQLite nobody else has it.

    `inbox_capacity` bounds the units of work that wait before new deliveries are refused. With a `setup` the server
    has no credentials yet and offers to create the App.

    Raises:
        AlreadyRunning: another server or worker has the SQLite file.
        DatabaseUnavailable: the database cannot be opened.
        TokenConfigError: token mode without its list of repositories.
    """
    watched = watched_repositories(settings.pipeline_config) if settings.mode == "token" else None
    async with AsyncExitStack() as stack:
        spans = started_spans()
        stack.push_async_callback(asyncio.to_thread, spans.close)
        database = await opened(stack, settings.database_url, clock)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64), auto_decompress=True)
        )
        metrics = Metrics()
        logs = LogReader(metrics.judged)
        stack.push_async_callback(logs.close)
        services = _services(settings, database, session, logs, metrics, clock)
        worker = Worker(
            database,
            _spanned(spans, Dispatcher(build_router(), services)),
            metrics=metrics,
            clock=clock,
            lease_seconds=settings.lease_seconds,
        )
        intake = Intake(
            Acceptor(database, capacity=inbox_capacity), app_id=services.gateway.app_id, watched=watched, clock=clock
        )
        upkeep = _upkeep(settings, database, services, clock)
        yield Parts(settings, database, intake, worker, services.gateway, upkeep, metrics, services.history, setup)


def _spanned(spans: Spans, handle: Handle) -> Handle:
    async def handled(job: Job) -> None:
        with spans.of_work(job.event or job.kind, structlog.contextvars.get_contextvars):
            await handle(job)

    return handled if spans.tracer is not None else handle


def _upkeep(settings: Settings, database: Database, services: Services, clock: Clock) -> Upkeep:
    return Upkeep(
        database,
        clock=clock,
        retention_days=settings.retention_days,
        excerpt_days=settings.excerpt_days,
        sweep=Sweep(database, services.gateway, clock=clock) if settings.mode != "none" else None,
        known=services.known if settings.mode != "none" else None,
    )


async def opened(stack: AsyncExitStack, url: str, clock: Clock) -> Database:
    """The database, migrated and ours as long as the stack is open. Raises as `assembled`."""
    location = parse_url(url)
    if isinstance(location, SqliteFile):
        stack.enter_context(SoleProcess(location.path))
    database = await Database.open(url)
    stack.push_async_callback(database.close)
    await database.migrate()
    if isinstance(location, SqliteFile):
        # The lock proves that nobody else works here: whatever was running belongs to a process that is gone.
        await inbox.recover(database, int(clock() * 1000))
    return database


def _services(
    settings: Settings,
    database: Database,
    session: aiohttp.ClientSession,
    logs: LogReader,
    metrics: Metrics,
    clock: Clock,
) -> Services:
    gateway = gateway_of(settings, session, metrics)
    reader = RunReader(logs, clock=clock)
    ledger = Ledger(database, clock=clock)
    configs = ConfigSource(database, clock=clock)
    handoffs = HandOffs(database, gateway, ledger, clock=clock, start_minutes=settings.copilot_start_minutes)
    monitor = PipelineMonitor(
        database=database,
        gateway=gateway,
        runs_reader=reader,
        suites_reader=SuiteReader(logs),
        performer=Performer(database, ledger, configs, web_url=settings.web_url, clock=clock),
        configs=configs,
        handoffs=handoffs,
        clock=clock,
    )
    return Services(
        database=database,
        gateway=gateway,
        monitor=monitor,
        ledger=ledger,
        requests=Requests(database, monitor.silences, clock=clock),
        handoffs=handoffs,
        boards=Boards(database, gateway, ledger, configs, clock=clock),
        warnings=Warnings(database, gateway, ledger, configs, clock=clock),
        digests=Digests(database, gateway, ledger, configs, clock=clock),
        history=HistoryWork(database, gateway, Backfill(database, reader, configs), monitor, clock=clock),
        known=KnownWork(database, gateway, ledger, logs, clock=clock),
        clock=clock,
    )


def gateway_of(settings: Settings, session: aiohttp.ClientSession, metrics: Metrics) -> Gateway:
    """GitHub, in the name of whoever the settings say we are."""
    pem = settings.private_key_pem() if settings.mode == "app" else None
    return Gateway(
        session,
        api_url=settings.api_url,
        writes_per_minute=settings.writes_per_minute,
        app_key=AppKey(settings.app_id, pem) if settings.app_id is not None and pem is not None else None,
        user_token=settings.token.get_secret_value() if settings.token is not None else None,
        copilot_token=settings.copilot_token.get_secret_value() if settings.copilot_token is not None else None,
        log_hosts=settings.log_hosts,
        on_call=metrics.called,
    )


async def run(
    parts: Parts,
    *,
    with_web: bool,
    with_worker: bool,
    stop: asyncio.Event,
    on_listening: Callable[[str], None] = lambda _address: None,
    listening: Listening | None = None,
    clock: Clock = time.time,
) -> None:
    """Serve and work until `stop` is set or the set-up is done, then drain. OSError where the port cannot be had.

    `listening` outlives this server, so that nobody is turned away before the next one.
    """
    async with AsyncExitStack() as stack:
        if parts.database.path is not None:
            orders = Orders(parts.database, clock=clock, intake=parts.intake, history=parts.history)
            await stack.enter_async_context(control.listening(parts.database.path, orders))
        probes = _probes(parts, stop, with_worker=with_worker, clock=clock)
        if with_web:
            runner = await _web(stack, parts, probes)
            listening = listening or stack.enter_context(Listening(parts.settings.host, parts.settings.port))
            on_listening(await listening.attach(runner))
        elif parts.settings.metrics_port is not None:
            on_listening(await _probed(stack, probes, parts.settings.host, parts.settings.metrics_port))
        working = asyncio.create_task(parts.worker.run()) if with_worker else None
        aside = [asyncio.create_task(work) for work in _aside(parts, with_web=with_web, with_worker=with_worker)]
        ends = [stop] if parts.setup is None else [stop, parts.setup.done]
        waiting: list[asyncio.Task[object]] = [asyncio.create_task(end.wait()) for end in ends]
        await asyncio.wait([*waiting, *([working] if working else [])], return_when="FIRST_COMPLETED")
        if parts.setup is not None and listening is not None:
            await listening.detach()
            parts.setup.left.set()
        for task in (*waiting, *aside):
            task.cancel()
        await asyncio.gather(*waiting, *aside, return_exceptions=True)
        if working is not None:
            parts.worker.stop()
            await working


def _aside(parts: Parts, *, with_web: bool, with_worker: bool) -> Iterator[Coroutine[None, None, None]]:
    """What goes on beside server and worker until they end."""
    settings = parts.settings
    if with_worker:
        yield parts.upkeep.run()
    if with_web and settings.webhook_proxy_url and settings.mode != "none":
        yield Proxy(settings.webhook_proxy_url, parts.intake, settings.secrets).run()


def _probes(parts: Parts, stop: asyncio.Event, *, with_worker: bool, clock: Clock) -> Probes:
    return Probes(
        parts.metrics,
        readiness=lambda: _unready(parts, stop, with_worker=with_worker),
        refresh=lambda: _gauge(parts, clock),
    )


async def _probed(stack: AsyncExitStack, probes: Probes, host: str, port: int) -> str:
    """Where a worker without a web server shows how it does."""
    app = web.Application()
    probes.add_to(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return await stack.enter_context(Listening(host, port)).attach(runner)


async def _web(stack: AsyncExitStack, parts: Parts, probes: Probes) -> web.AppRunner:
    settings = parts.settings
    handler = WebhookHandler(
        parts.intake,
        WebhookRules(settings.mode, settings.secrets, settings.app_id, settings.request_seconds),
        setup=SetupRoutes(parts.setup, web_url=settings.web_url),
        probes=probes,
    )
    # aiohttp counts the keep-alive time from the connection's start too: whoever sends no whole head is cut off.
    runner = web.AppRunner(
        handler.application(),
        access_log=None,
        shutdown_timeout=5.0,
        keepalive_timeout=settings.request_seconds,
        auto_decompress=False,
        lingering_time=min(10.0, settings.request_seconds),
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return runner


async def _unready(parts: Parts, stop: asyncio.Event, *, with_worker: bool) -> str | None:
    """Why this process should get no traffic now; None where all is well."""
    if stop.is_set():
        return "the process was asked to end and finishes its work"
    try:
        async with asyncio.timeout(LONGEST_LOOK):
            await parts.database.ping()
    except DatabaseUnavailable as error:
        return f"the database does not answer: {error}"
    except TimeoutError:
        return f"the database does not answer within {LONGEST_LOOK:g} seconds"
    if with_worker and not parts.worker.ready:
        return "the worker has not reached its inbox yet"
    return None


async def _gauge(parts: Parts, clock: Clock) -> None:
    parts.metrics.allowed(parts.gateway.allowed(clock()))
    with contextlib.suppress(DatabaseUnavailable):
        async with parts.database.read() as conn:
            census = await inbox_admin.census(conn)
        for state in ("ready", "running", "dead"):
            parts.metrics.waiting.labels(state).set(getattr(census, state))
        oldest = census.oldest_ready_ms
        parts.metrics.oldest.set(max(0.0, clock() - oldest / 1000) if oldest is not None else 0.0)


async def until_worked_off(database: Database, guids: Collection[str]) -> dict[str, str]:
    """Wait until none of these deliveries is work any more; the dead ones with their reasons."""
    wanted = set(guids)
    while True:
        ticket = database.wakeup.ticket
        async with database.read() as conn:
            jobs = [job for job in await inbox_admin.list_jobs(conn, None, MOST_LISTED) if job.guid in wanted]
        if all(job.state == "dead" for job in jobs):
            return {job.guid: job.last_error for job in jobs if job.guid is not None}
        await database.wakeup.wait(ticket, 0.5)
