"""Structured logs: one line an event on stderr, as text or JSON, with what the context knows. Secrets masked."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from classifiers.redaction import redact

MASKED = ("reason", "exception", "error")
"""Fields that quote something from outside; the others are ours."""


def configure(level: str, style: str) -> None:
    """Set structlog up for the process. `level` is a logging level's name, `style` is `text` or `json`."""
    numeric = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(numeric, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(message)s")
    logging.getLogger("aiohttp.server").addFilter(_terse)
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _masked,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        # Looked up at each record: whoever exchanged stderr meanwhile closed the old one.
        logger_factory=lambda *_names: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _terse(record: logging.LogRecord) -> bool:
    """What a stranger sent that is no HTTP is worth a line, not a traceback; what is our own bug keeps its own."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None or not type(error).__module__.startswith("aiohttp."):
        return True
    record.msg, record.args = "a request could not be read: %s", (redact(" ".join(str(error).split()))[:200],)
    record.exc_info = record.exc_text = None
    record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


def _masked(_logger: Any, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for field in MASKED:
        value = record.get(field)
        if isinstance(value, str):
            record[field] = redact(value)
    return record
