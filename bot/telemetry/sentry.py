"""Errors to Sentry, where SENTRY_DSN is set and the extra `sentry` is installed. Masked like the log.

Options: docs.sentry.io/platforms/python/configuration/options. The library reads SENTRY_DSN, SENTRY_ENVIRONMENT and
SENTRY_RELEASE itself.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import structlog

log = structlog.get_logger(__name__)
Mask = Callable[[str], str]
Report = Callable[[str, Mapping[str, Any]], None]
"""Told of an error: what happened, and the other fields of its record."""


def started(mask: Mask) -> Report | None:
    """How a record becomes an event of Sentry's; None where nobody asked for that, or the library is missing."""
    if not os.environ.get("SENTRY_DSN"):
        return None
    try:
        sdk: Any = importlib.import_module("sentry_sdk")
        atexit: Any = importlib.import_module("sentry_sdk.integrations.atexit")
    except ImportError:
        log.warning("SENTRY_DSN is set, but its library is not installed: pip install 'pipeline-monitor[sentry]'")
        return None
    sdk.init(
        before_send=lambda event, _hint: masked(event, mask),
        # Nothing is gathered behind our back: no local variables, requests, users, breadcrumbs or spans.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[atexit.AtexitIntegration(callback=lambda _pending, _timeout: None)],
        include_local_variables=False,
        max_breadcrumbs=0,
        traces_sample_rate=None,
    )

    def report(event: str, fields: Mapping[str, Any]) -> None:
        error = _error(fields.get("exc_info"))
        with sdk.new_scope() as scope:
            scope.set_tags({name: str(value) for name, value in fields.items() if _is_tag(name, value)})
            scope.set_extra("event", event)
            if error is not None:
                sdk.capture_exception(error)
            else:
                sdk.capture_message(event, level="error")

    return report


def _is_tag(name: str, value: object) -> bool:
    return isinstance(value, str | int | float) and name not in {"exc_info", "timestamp", "level"}


def _error(exc_info: object) -> BaseException | None:
    """What a record was made of: an exception, the triple of one, or the wish for the one at hand."""
    if isinstance(exc_info, tuple):
        exc_info = exc_info[1]
    if isinstance(exc_info, BaseException):
        return exc_info
    return sys.exc_info()[1] if exc_info else None


def masked(value: Any, mask: Mask) -> Any:
    """An event with the secrets taken out of every text in it."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {name: masked(inner, mask) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked(inner, mask) for inner in value]
    return value
