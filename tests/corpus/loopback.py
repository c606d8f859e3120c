"""A registry on loopback that refuses: for the recording of what tools say to an answer of 401, 403, 409 or 503."""

from __future__ import annotations

import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any


class Loopback:
    """A server for as long as the `with` block; `answers` are tables of the scenario: `match` (a pattern of method and
    path, default everything), `status`, `body`, `type`. The first that matches answers; nothing matching is a 404."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = f"{self.command} {self.path}"
                fitting = [answer for answer in answers if re.search(answer.get("match", ""), asked)]
                chosen = fitting[0] if fitting else {"status": 404, "body": "not found"}
                body = str(chosen.get("body", "")).replace("$SERVER", f"http://{self.headers['Host']}").encode()
                self.send_response(chosen["status"], chosen.get("reason"))
                self.send_header("Content-Type", chosen.get("type", "application/json"))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = answer  # noqa: N815 - the names are the base class's

            def log_message(self, *_: Any) -> None:
                """Says nothing: the log is the tool's."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = str(self._server.server_port)
        self.place = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.place}"

    def __enter__(self) -> Loopback:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
