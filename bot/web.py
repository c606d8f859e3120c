"""The HTTP side: verify, keep, 202. The work happens elsewhere.

Signature: docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from dataclasses import dataclass
from urllib.parse import parse_qs

import structlog
from aiohttp import web

from bot.door import NotAnObject
from bot.intake import LARGEST_BODY, Intake
from bot.probes import Probes
from bot.render.front_page import front_page
from bot.request_ids import named
from bot.setup.routes import SetupRoutes
from storage.errors import DatabaseUnavailable, InboxFull

log = structlog.get_logger(__name__)

HEADER_VALUE = re.compile(r"^[\x21-\x7e]{1,200}$")
RETRY_SECONDS = "30"
ANSWER_WITHIN = 8.0
"""Seconds in which a delivery is stored or refused; GitHub gives up after ten
(docs.github.com/webhooks/using-webhooks/best-practices-for-using-webhooks)."""
TARGET_ID = "X-GitHub-Hook-Installation-Target-ID"
"""The App's id in an App's deliveries, the repository's or organisation's in those of their own webhooks."""


@dataclass(frozen=True, slots=True)
class WebhookRules:
    """From whom deliveries are taken."""

    mode: str
    """`app`, `token` or `none`."""
    secrets: tuple[bytes, ...]
    app_id: int | None = None
    """Whose deliveries are taken, where they say whose they are; None takes any."""
    seconds: float = 75
    """How long a body may take to arrive."""


class _Refusal(Exception):
    """A delivery that is not taken."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class WebhookHandler:
    """`POST /webhook` and the pages beside it."""

    def __init__(
        self,
        intake: Intake,
        rules: WebhookRules,
        *,
        setup: SetupRoutes,
        probes: Probes,
    ) -> None:
        self._intake = intake
        self._rules = rules
        self._setup = setup
        self._probes = probes
        self._metrics = probes.metrics

    def application(self) -> web.Application:
        """The aiohttp application with every route of the contract."""
        app = web.Application(client_max_size=LARGEST_BODY + 1, middlewares=[named])
        app.router.add_post("/webhook", self._webhook)
        self._probes.add_to(app)
        app.router.add_get("/", self._front)
        self._setup.add_to(app)
        return app

    async def _webhook(self, request: web.Request) -> web.Response:
        try:
            answer = await self._take(request)
        except _Refusal as refusal:
            headers = {"Retry-After": RETRY_SECONDS} if refusal.status == 503 else {}
            answer = web.Response(status=refusal.status, text=f"{refusal}\n", headers=headers)
            if refusal.status in {408, 413}:
                answer.force_close()
            log.info("a delivery was refused", status=refusal.status, reason=str(refusal), **_said(request))
        self._metrics.deliveries.labels(str(answer.status)).inc()
        return answer

    async def _take(self, request: web.Request) -> web.Response:
        if self._rules.mode == "none":
            raise _Refusal(503, "no credentials yet: open / on this server to set it up")
        if request.content_type not in {"application/json", "application/x-www-form-urlencoded"}:
            raise _Refusal(415, "send application/json")
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise _Refusal(415, "send the body as it is; the signature is over the bytes as they come")
        raw = await self._raw(request)
        self._verify(raw, request.headers.get("X-Hub-Signature-256", ""))
        self._is_for_us(request.headers.get(TARGET_ID, ""))
        event = _header(request, "X-GitHub-Event")
        guid = _header(request, "X-GitHub-Delivery")
        body = _json_of(raw) if request.content_type != "application/json" else raw
        try:
            # What is stored after all is known when it is sent again.
            async with asyncio.timeout(ANSWER_WITHIN):
                fresh = await self._intake(event, guid, body)
            self._metrics.accepted.inc(1 if fresh else 0)
        except NotAnObject as error:
            raise _Refusal(400, str(error)) from error
        except (InboxFull, DatabaseUnavailable, TimeoutError) as error:
            log.error(
                "a delivery could not be kept", delivery=guid, event_name=event, reason=str(error) or "took too long"
            )
            raise _Refusal(503, "the delivery could not be stored; send it again later") from error
        return web.Response(status=202, text="nothing to do\n" if fresh is None else "accepted\n")

    def _verify(self, raw: bytes, signature: str) -> None:
        """Constant-time, over the bytes as they came; without a secret the server listens on loopback only."""
        if not self._rules.secrets:
            return
        given = signature.encode("utf-8", "surrogateescape")
        good = False
        for secret in self._rules.secrets:
            wanted = b"sha256=" + hmac.digest(secret, raw, "sha256").hex().encode()
            good |= hmac.compare_digest(wanted, given)
        if not good:
            raise _Refusal(401, "the signature in X-Hub-Signature-256 is missing or wrong")

    def _is_for_us(self, target: str) -> None:
        """An App's delivery names the App. Another's would take the place of ours, which has the same id."""
        if target and self._rules.app_id is not None and target != str(self._rules.app_id):
            raise _Refusal(403, f"{TARGET_ID} is not the id of this GitHub App; remove that webhook")

    async def _raw(self, request: web.Request) -> bytes:
        try:
            async with asyncio.timeout(self._rules.seconds):
                return await _body(request)
        except TimeoutError:
            raise _Refusal(408, f"the body did not arrive within {self._rules.seconds:g} seconds") from None

    async def _front(self, request: web.Request) -> web.Response:
        if "setup" in request.query:
            return await self._setup.front(request)
        return web.Response(
            text=front_page(self._rules.mode),
            content_type="text/html",
            headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
        )


async def _body(request: web.Request) -> bytes:
    """The raw bytes; one that is too large is refused by its announced length, or as soon as it is seen."""
    too_large = _Refusal(413, f"the body is larger than {LARGEST_BODY} bytes")
    if (request.content_length or 0) > LARGEST_BODY:
        raise too_large
    parts, size = [], 0
    async for part in request.content.iter_any():
        size += len(part)
        if size > LARGEST_BODY:
            raise too_large
        parts.append(part)
    return b"".join(parts)


def _said(request: web.Request) -> dict[str, str]:
    """What the sender of a refused delivery called it, where that can stand in a log."""
    named_so = {"delivery": "X-GitHub-Delivery", "event_name": "X-GitHub-Event"}
    given = {field: request.headers.get(header, "") for field, header in named_so.items()}
    return {field: value for field, value in given.items() if HEADER_VALUE.match(value)}


def _header(request: web.Request, name: str) -> str:
    value = request.headers.get(name, "")
    if not HEADER_VALUE.match(value):
        raise _Refusal(400, f"the header {name} is missing or malformed")
    return value


def _json_of(raw: bytes) -> bytes:
    """The JSON inside a form-encoded delivery's `payload=`."""
    try:
        fields = parse_qs(raw.decode("ascii"), strict_parsing=True, max_num_fields=10)
    except ValueError as error:
        raise _Refusal(400, f"the form cannot be read: {error}") from error
    payloads = fields.get("payload", [])
    if len(payloads) != 1:
        raise _Refusal(400, "the form has no single field named payload")
    return payloads[0].encode("utf-8", "replace")
