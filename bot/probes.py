"""What machines ask of a process: does it live, can it work, how does it do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.metrics import Metrics


class Probes:
    """`/healthz`, `/readyz` and `/metrics`, of a server and of a worker alike.

    `readiness` says why the process should get no work now, or None; `refresh` brings the gauges up to date.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        readiness: Callable[[], Awaitable[str | None]],
        refresh: Callable[[], Awaitable[None]],
    ) -> None:
        self.metrics = metrics
        self._readiness = readiness
        self._refresh = refresh

    def add_to(self, app: web.Application) -> None:
        """The three routes."""
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._exposition)

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        reason = await self._readiness()
        return web.Response(text="ready\n") if reason is None else web.Response(status=503, text=f"{reason}\n")

    async def _exposition(self, _request: web.Request) -> web.Response:
        await self._refresh()
        return web.Response(body=self.metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"})
