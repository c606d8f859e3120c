"""The stand-in GitHub over HTTP on loopback: API and website on one port, the log store on another."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web
from yarl import URL

from bot.demo.github.answering import LARGEST_REQUEST, Asked, Desk, canonical_path, encoded, parsed
from bot.demo.github.call import Answer, Refusal
from bot.demo.github.faults import LOG_STORE, Fault, Faults
from bot.demo.github.log_store import LogStore
from bot.demo.github.recording import RecordedRequest, Recording, Validator, without_secrets
from bot.demo.github.records import AppRecord, DeliveryRecord
from bot.demo.github.state import GitHubState
from bot.demo.github.table import match
from bot.demo.github.website import Website
from bot.demo.webhooks import Delivery, outcome_of, send

HOST = "127.0.0.1"


class StandInGitHub:
    """A GitHub on loopback that answers from `state`.

    Use it as an async context manager; on leaving it raises AssertionError for requests to routes it
    lacks and for what `on_request` objected to, unless an error is already on its way.
    """

    def __init__(self, state: GitHubState, *, on_request: Validator | None = None, enterprise: bool = False) -> None:
        self.state = state
        self.faults = Faults()
        self.fail_next = self.faults.answer
        self.recording = Recording()
        self.log_store = LogStore(state)
        self.desk = Desk(state, self.log_store.url_for, self._redeliver)
        self.api_url = ""
        self._on_request = on_request
        self._prefix = "/api/v3" if enterprise else ""
        self._runners: list[web.AppRunner] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    @property
    def requests(self) -> list[RecordedRequest]:
        """Every request so far, in order, those to the log store as route `log-store`."""
        return self.recording.requests

    @property
    def unknown_requests(self) -> list[RecordedRequest]:
        """Requests to routes the stand-in lacks; answered 501."""
        return self.recording.unknown_requests

    def count(self, method: str = "", route: str = "") -> int:
        """How many requests of that method went to routes or paths that start so."""
        return len(self.recording.matching(method, route))

    async def __aenter__(self) -> Self:
        self.api_url = await self._open(self._serve_api, Website(self.state)) + self._prefix
        self.log_store.base_url = await self._open(self._serve_log)
        self.state.api_url = self.api_url
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for fault in self.faults.held:
            fault.released.set()
        await self.delivered()
        if self._session is not None:
            await self._session.close()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
        objections = self.recording.objections()
        if kind is None and objections:
            raise AssertionError("requests GitHub would not understand:\n" + "\n".join(objections))

    async def _open(self, handler: Any, website: Website | None = None) -> str:
        app = web.Application(client_max_size=LARGEST_REQUEST)
        app.on_response_prepare.append(self._date)
        if website is not None:
            website.add_to(app)
        app.router.add_route("*", "/{tail:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, HOST, 0)
        await site.start()
        port = runner.addresses[0][1]
        return f"http://{HOST}:{port}"

    async def _date(self, _request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = formatdate(self.state.now(), usegmt=True)

    async def _serve_api(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(
            request.method,
            canonical_path(self.state, request.rel_url.raw_path),
            dict(request.query),
            request.headers,
            await request.read(),
        )
        record = _recorded(asked)
        self.requests.append(record)
        found = match(asked.method, asked.path)
        if found is None:
            return self._unknown(request, asked, record)
        route, params = found
        record.route = route.template
        fault = self.faults.take(asked.method, route.template, asked.path)
        if fault is not None and not fault.after and fault.kind not in {"slow", "hold", "truncated"}:
            self._validate(record)
            return self._fail(request, fault, record)
        if fault is not None and not fault.after:
            await fault.wait()
        answer, caller = self.desk.answer(asked, route, params)
        record.status, record.caller, record.response = answer.status, caller.kind, answer.data
        self._validate(record)
        if fault is not None and fault.after and fault.kind == "hold":
            await fault.wait()
        elif fault is not None and (fault.after or fault.kind == "truncated"):
            return self._fail(request, fault, record, answer)
        return _response(answer)

    def _unknown(self, request: web.Request, asked: Asked, record: RecordedRequest) -> web.Response:
        if asked.path != "/" and asked.path.endswith("/") and match(asked.method, asked.path.rstrip("/")):
            record.status = 404
            return _response(Refusal(404, "Not Found").answer())
        record.status = 501
        self.unknown_requests.append(record)
        message = f"the stand-in GitHub has no route {request.method} {asked.path}"
        return _response(Refusal(501, message).answer())

    def _fail(
        self, request: web.Request, fault: Fault, record: RecordedRequest, answer: Answer | None = None
    ) -> web.StreamResponse:
        record.fault, record.status = fault.kind, fault.status if fault.kind == "answer" else 0
        if fault.kind == "reset":
            return _hang_up(request)
        if fault.kind == "garbage":
            return web.Response(text="<html>Unicorn!</html>", status=fault.status, content_type="application/json")
        if fault.kind == "truncated" and answer is not None:
            content = encoded(answer.data)
            return web.Response(
                body=content[: len(content) // 2], status=answer.status, content_type="application/json"
            )
        body = fault.body if fault.body is not None else {"message": "Server Error"}
        return _response(Answer(body, fault.status, fault.headers))

    async def _serve_log(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        asked = Asked(request.method, path, {}, request.headers, b"")
        record = _recorded(asked)
        record.route = LOG_STORE
        self.requests.append(record)
        fault = self.faults.take(request.method, LOG_STORE, path)
        if fault is not None and fault.kind in {"answer", "reset", "garbage"}:
            return self._fail(request, fault, record)
        if fault is not None:
            await fault.wait()
        response = self.log_store.answer(request)
        record.status = response.status
        return response

    def _validate(self, record: RecordedRequest) -> None:
        if self._on_request is not None:
            where = f"{record.method} {record.path}"
            self.recording.violations += [f"{where}: {text}" for text in self._on_request(record)]

    async def deliver(self, delivery: Delivery, *, url: str = "", redelivery: bool = False) -> DeliveryRecord:
        """Send a webhook to its App's address (or `url`) and list the attempt as GitHub does."""
        app = self.state.apps[delivery.app_id]
        if self._session is None:
            raise RuntimeError("deliver() needs the running stand-in: use `async with StandInGitHub(state)`")
        started = time.monotonic()
        status_code, status = await outcome_of(
            send(self._session, url or app.webhook_url, delivery, app.webhook_secret)
        )
        record = listed_attempt(self.state, app, delivery, status_code, status)
        record.redelivery, record.duration = redelivery, round(time.monotonic() - started, 3)
        return record

    def lose(self, delivery: Delivery, *, status_code: int = 0, status: str = "timed out") -> DeliveryRecord:
        """List a webhook as one that never arrived, without sending it."""
        app = self.state.apps[delivery.app_id]
        return listed_attempt(self.state, app, delivery, status_code, status)

    def _redeliver(self, delivery_id: int) -> None:
        record = next(one for one in self.state.deliveries if one.id == delivery_id)
        again = Delivery(record.event, record.payload, record.app_id, record.guid)
        task = asyncio.get_running_loop().create_task(self._deliver_again(again))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_again(self, delivery: Delivery) -> None:
        await self.deliver(delivery, redelivery=True)

    async def delivered(self) -> None:
        """Wait until every redelivery that was asked for has been sent."""
        await asyncio.gather(*self._tasks)


def listed_attempt(
    state: GitHubState, app: AppRecord, delivery: Delivery, status_code: int, status: str
) -> DeliveryRecord:
    """One more attempt on the App's list of deliveries."""
    payload = delivery.payload
    record = DeliveryRecord(
        id=state.next_id(),
        guid=delivery.guid,
        app_id=app.id,
        event=delivery.event,
        action=payload.get("action"),
        payload=payload,
        delivered_at=state.now(),
        status=status,
        status_code=status_code,
        installation_id=(payload.get("installation") or {}).get("id"),
        repository_id=(payload.get("repository") or {}).get("id"),
    )
    state.deliveries.append(record)
    return record


def _recorded(asked: Asked) -> RecordedRequest:
    try:
        body = parsed(asked.body)
    except Refusal:
        body = asked.body
    path = URL(asked.path, encoded=True).path
    return RecordedRequest(asked.method, path, dict(asked.query), without_secrets(asked.headers), body)


def _response(answer: Answer) -> web.Response:
    content = answer.raw if answer.raw is not None else encoded(answer.data)
    response = web.Response(body=content or None, status=answer.status, headers=answer.headers)
    if content:
        response.headers["Content-Type"] = answer.content_type + ("; charset=utf-8" if answer.raw is None else "")
    return response


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
