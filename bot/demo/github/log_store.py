"""The store behind a job log's redirect: signed URLs on another port, good for a minute, no credentials."""

from __future__ import annotations

import re
import secrets

from aiohttp import web

from bot.demo.github.state import GitHubState

URL_LIFE = 60
"""Seconds a signed URL is good for."""


class LogStore:
    """Hands out signed URLs and answers them; `base_url` is set when the second port is open."""

    def __init__(self, state: GitHubState) -> None:
        self.state = state
        self.base_url = ""
        self.signed: dict[str, tuple[int, float]] = {}

    def url_for(self, job_id: int) -> str:
        """A fresh URL for a job's log."""
        signature = secrets.token_urlsafe(24)
        self.signed[signature] = (job_id, self.state.now())
        return f"{self.base_url}/actions-results/{job_id}/logs.txt?sp=r&sig={signature}"

    def answer(self, request: web.Request) -> web.Response:
        """The log's bytes, or the XML error of a blob store."""
        if "Authorization" in request.headers:
            return _refuse(400, "InvalidAuthenticationInfo", "Authentication information is not given correctly.")
        job_id, issued = self.signed.get(request.query.get("sig", ""), (0, 0.0))
        if not job_id or self.state.now() - issued > URL_LIFE:
            return _refuse(403, "AuthenticationFailed", "Signature not valid in the specified time frame.")
        job = self.state.jobs[job_id]
        if job.log is None or job.log_later > 0:
            job.log_later = max(0, job.log_later - 1)
            return _refuse(404, "BlobNotFound", "The specified blob does not exist.")
        return _content(job.log, request.headers.get("Range", ""))


def _content(log: bytes, wanted: str) -> web.Response:
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
    if asked is None:
        return web.Response(body=log, content_type="text/plain")
    first, last = int(asked[1]), int(asked[2] or len(log) - 1)
    if first >= len(log):
        return _refuse(416, "InvalidRange", "The range specified is invalid.")
    part = log[first : last + 1]
    headers = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(log)}"}
    return web.Response(body=part, status=206, headers=headers, content_type="text/plain")


def _refuse(status: int, code: str, message: str) -> web.Response:
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return web.Response(text="\ufeff" + body, status=status, content_type="application/xml")
