"""A span for each unit of work, where OTEL_EXPORTER_OTLP_ENDPOINT is set and the extra `otel` is installed.

The library reads its own variables: opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

log = structlog.get_logger(__name__)
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SERVICE = "pipeline-monitor"


@dataclass(frozen=True, slots=True)
class Spans:
    """Makes spans, or nothing at all."""

    tracer: Any = None
    failed: Any = None
    """The library's status of what did not succeed."""
    close: Callable[[], None] = lambda: None
    """Sends what is left; may take seconds."""

    @contextmanager
    def of_work(self, name: str, told: Callable[[], Mapping[str, Any]]) -> Iterator[None]:
        """One unit of work. `told` gives what its records carry, asked for at its end, when all of it is known."""
        if self.tracer is None:
            yield
            return
        # No exception's text: it quotes what came from outside.
        with self.tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as span:
            try:
                yield
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(self.failed)
                raise
            finally:
                for field, value in told().items():
                    if value is not None:
                        span.set_attribute(f"pipeline.{field}", value)


def started() -> Spans:
    """Spans as the environment wants them."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or not any(map(os.environ.get, ENDPOINTS)):
        return Spans()
    try:
        trace: Any = importlib.import_module("opentelemetry.sdk.trace")
        export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
        otlp: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        codes: Any = importlib.import_module("opentelemetry.trace").StatusCode
        resources: Any = importlib.import_module("opentelemetry.sdk.resources")
    except ImportError:
        log.warning("an OTLP endpoint is set, but its library is not installed: pip install 'pipeline-monitor[otel]'")
        return Spans()
    # A name from OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES goes over ours.
    own = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": SERVICE}
    provider = trace.TracerProvider(resource=resources.Resource.create(own))
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    return Spans(provider.get_tracer(SERVICE), codes.ERROR, provider.shutdown)
