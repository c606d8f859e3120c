"""The set-up over HTTP: the one-time link, the form, and the way back from GitHub."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, urlsplit

import structlog
from aiohttp import web

from bot.manifest import manifest
from bot.setup import manifest as asking
from bot.setup import pages
from bot.setup.flow import Setup, Wrong
from bot.setup.wrong_turns import wrong_turn

log = structlog.get_logger(__name__)

LARGEST_FORM = 16 * 2**10
FORM_SECONDS = 30
Handler = Callable[[web.Request], Awaitable[web.Response]]


class SetupRoutes:
    """`/setup` and `/setup/callback`, and `/` where it carries the link. Without a set-up, every link is used up."""

    def __init__(self, setup: Setup | None, *, web_url: str) -> None:
        self._setup = setup
        self._web_url = web_url

    @property
    def is_open(self) -> bool:
        """Whether an App can be created now."""
        return self._setup is not None and not self._setup.done.is_set()

    def add_to(self, app: web.Application) -> None:
        """The routes beside `/`."""
        app.router.add_get("/setup", self._told(self._lost), allow_head=False)
        app.router.add_post("/setup", self._told(self._answered))
        app.router.add_get("/setup/callback", self._told(self._back), allow_head=False)

    async def front(self, request: web.Request) -> web.Response:
        """`/?setup=…`: the form for who holds the link."""
        return await self._told(self._form)(request)

    def _told(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            try:
                return await handler(request)
            except Wrong as wrong:
                # Strangers who try links must not fill the log.
                say = log.debug if wrong.kind in {"link", "used"} else log.warning
                say("the set-up cannot go on", why=wrong.kind, reason=str(wrong))
                status, text = wrong_turn(wrong.kind, str(wrong), self._web_url)
                response = _response(text, status=status)
                if status == 413:
                    response.force_close()
                return response

        return answer

    async def _lost(self, _request: web.Request) -> web.Response:
        self._admitted("")
        raise Wrong("link")

    async def _form(self, request: web.Request) -> web.Response:
        setup = self._admitted(request.query.get("setup", ""))
        setup.examine()
        name = str(manifest().whole["name"])
        wanted = asking.Wanted(name=name, address=self._proxy(setup) or _outside(request))
        return _response(pages.form(wanted, {}, token=setup.token, web_url=self._web_url), form_action="'self'")

    async def _answered(self, request: web.Request) -> web.Response:
        fields = await _fields(request)
        setup = self._admitted(fields.get("setup", ""))
        setup.examine()
        wanted, proxy = asking.read(fields), self._proxy(setup)
        mistakes = asking.mistakes(wanted, proxy=proxy)
        if mistakes or "change" in fields:
            text = pages.form(wanted, mistakes, token=setup.token, web_url=self._web_url)
            return _response(text, status=422 if mistakes else 200, form_action="'self'")
        hook, whole = asking.hook_url(wanted, proxy=proxy), manifest().whole
        text = pages.confirmation(
            wanted,
            whole,
            token=setup.token,
            target=asking.target(self._web_url, wanted.organisation, setup.new_state()),
            manifest=asking.text(whole, wanted, back=f"{_seen_as(request, wanted.address)}/setup/callback", hook=hook),
            hook=hook,
            web_url=self._web_url,
        )
        return _response(text, form_action=f"'self' {_origin(self._web_url)}")

    async def _back(self, request: web.Request) -> web.Response:
        if self._setup is None:
            raise Wrong("used")
        created = await self._setup.finish(request.query.get("code", ""), request.query.get("state", ""))
        # Only then is it true that deliveries are taken.
        await self._setup.left.wait()
        response = _response(pages.created(created.name, created.page))
        response.force_close()
        return response

    def _admitted(self, token: str) -> Setup:
        if self._setup is None or self._setup.done.is_set():
            raise Wrong("used")
        if not self._setup.admits(token):
            raise Wrong("link")
        return self._setup

    def _proxy(self, setup: Setup) -> str:
        return setup.settings.webhook_proxy_url or ""


def _response(text: str, *, status: int = 200, form_action: str = "'none'") -> web.Response:
    policy = (
        f"default-src 'none'; style-src {pages.STYLE_SOURCE}; form-action {form_action}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        # The origin alone: GitHub must not see the link, and is sent a form by whoever we say we are.
        "Referrer-Policy": "strict-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


async def _fields(request: web.Request) -> dict[str, str]:
    """The form's fields, of a small body."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise Wrong("no form")
    if (request.content_length or 0) > LARGEST_FORM:
        raise Wrong("too large")
    raw = b""
    try:
        async with asyncio.timeout(FORM_SECONDS):
            async for piece in request.content.iter_any():
                raw += piece
                if len(raw) > LARGEST_FORM:
                    raise Wrong("too large")
    except TimeoutError as error:
        raise Wrong("no form", "it did not arrive in time") from error
    try:
        return dict(parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=20))
    except ValueError as error:
        raise Wrong("no form", str(error)) from error


def _seen_as(request: web.Request, public: str) -> str:
    """This server's address as the browser has it: it alone knows what a proxy in between hides."""
    origin = _origin(request.headers.get("Origin", "")) or f"{request.scheme}://{request.host}"
    # The public address may have a path, which an origin lacks.
    return public if _origin(public) == origin else origin


def _outside(request: web.Request) -> str:
    """A guess at the public address, for the form; empty where the browser is on this machine."""
    scheme = request.headers.get("X-Forwarded-Proto", request.scheme)
    address = _origin(f"{'https' if scheme == 'https' else 'http'}://{request.host}")
    return address if address and asking.is_public(urlsplit(address).hostname) else ""


def _origin(url: str) -> str:
    """Scheme, host and port of an http(s) address; empty where it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} and parts.netloc else ""
