"""A registry on loopback that answers as it is told: for recording what tools say to a 401, 403, 409 or 503."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered to requests whose `METHOD /path` the pattern matches; `$SERVER` in the body is the server."""

    status: int
    match: str = ""
    body: str = ""
    reason: str | None = None
    type: str = "application/json"


MISSING = Answer(404, body="not found")
"""The answer where none is told."""


class Loopback:
    """A server for as long as the `with` block; the first of the answers that fits is given."""

    def __init__(self, answers: Iterable[Mapping[str, Any]]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler([Answer(**answer) for answer in answers]))
        self.port = str(self._server.server_port)
        self.place = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.place}"

    def __enter__(self) -> Loopback:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(answers: list[Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = f"{self.command} {self.path}"
            chosen = next((answer for answer in answers if re.search(answer.match, asked)), MISSING)
            body = chosen.body.replace("$SERVER", f"http://{self.headers['Host']}").encode()
            self.send_response(chosen.status, chosen.reason)
            self.send_header("Content-Type", chosen.type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = answer  # noqa: N815 - the names are the base class's

        def log_message(self, *_: Any) -> None:
            """Says nothing: the log is the tool's."""

    return Handler
