"""Structured logs: one line an event on stderr, as text or JSON, with what the context knows. Secrets masked."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

import structlog

from classifiers.redaction import MASK, redact

SHORTEST_SECRET = 6
"""A value that is shorter would be found in words that have nothing to do with it."""


def configure(
    level: str,
    style: str,
    secrets: Iterable[str] = (),
    *,
    on_error: Callable[[str, Mapping[str, Any]], None] | None = None,
) -> None:
    """Set the process's logs up, those of the libraries included.

    `level` is a logging level's name, `style` is `text` or `json`. `secrets` are values that must not be shown
    wherever they turn up; what looks like a secret is masked anyway. `on_error` is told each error, unmasked.
    """
    numeric = logging.getLevelNamesMapping()[level.upper()]
    known: list[Any] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]
    known.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    told = [] if on_error is None else [_Told(on_error)]
    shown = [*told, structlog.processors.format_exc_info, Masks(secrets), _renderer(style)]
    structlog.configure(
        processors=[*known, *shown],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        # Looked up at each record: whoever exchanged stderr meanwhile closed the old one.
        logger_factory=lambda *_names: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    theirs = _Stderr(max(numeric, logging.WARNING))
    without_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    theirs.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=known, processors=[without_meta, *shown]))
    logging.root.handlers = [one for one in logging.root.handlers if not isinstance(one, _Stderr)] + [theirs]
    logging.getLogger("aiohttp.server").addFilter(_terse)


class Masks:
    """Takes secrets out of every text of a record."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted((one for one in secrets if len(one) >= SHORTEST_SECRET), key=len, reverse=True)

    def __call__(self, _logger: Any, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """The record as a processor of structlog hands it on."""
        for field, value in record.items():
            if isinstance(value, str):
                record[field] = self.text(value)
        return record

    def text(self, value: str) -> str:
        """The same without secrets."""
        for secret in self._secrets:
            value = value.replace(secret, MASK)
        return redact(value)


class _Told:
    """Passes errors on to somebody else as well."""

    def __init__(self, on_error: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._on_error = on_error

    def __call__(self, _logger: Any, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if record.get("level") in {"error", "critical"}:
            self._on_error(str(record["event"]), {name: value for name, value in record.items() if name != "event"})
        return record


class _Stderr(logging.Handler):
    """What libraries log, in our own form, to whatever stderr is by then."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr)  # noqa: T201
        except Exception:  # noqa: BLE001  # logging's own way: whoever logs must not fail by it
            self.handleError(record)


def _renderer(style: str) -> Any:
    if style == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
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
