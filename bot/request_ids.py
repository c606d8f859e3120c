"""A name for each request: in its answer, and in every log line written on its behalf."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from uuid import uuid4

import structlog
from aiohttp import web

log = structlog.get_logger(__name__)

HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
"""A proxy before us may have named the request already; whatever else stands there is a stranger's text."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def named(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Name the request; a bug in its handler is answered with 500 and that name, and told in the log."""
    given = request.headers.get(HEADER, "")
    name = given if _GIVEN.fullmatch(given) else uuid4().hex
    with structlog.contextvars.bound_contextvars(request=name):
        try:
            answer = await handler(request)
        except web.HTTPException as error:
            error.headers[HEADER] = name
            raise
        except Exception:
            log.exception("a request failed", method=request.method, path=request.path[:100])
            answer = web.Response(status=500, text=f"this is a bug; the log has more under {name}\n")
    answer.headers[HEADER] = name
    return answer
