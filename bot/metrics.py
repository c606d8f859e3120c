"""What Prometheus may ask. No repository names in labels: there may be thousands of them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """The process's own registry, so that two servers in one process do not share numbers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.deliveries = Counter(
            "pipeline_deliveries_total", "Webhook requests by answer.", ["status"], registry=self.registry
        )
        self.jobs = Counter(
            "pipeline_jobs_total", "Units of work by how they ended.", ["outcome"], registry=self.registry
        )
        self.seconds = Histogram(
            "pipeline_job_seconds",
            "Time a unit of work took.",
            registry=self.registry,
            buckets=(0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60),
        )
        self.waiting = Gauge("pipeline_inbox_jobs", "Units of work by state.", ["state"], registry=self.registry)
        self.oldest = Gauge(
            "pipeline_inbox_oldest_seconds", "Age of the oldest unit of work that is ready.", registry=self.registry
        )
        self.calls = Counter(
            "pipeline_github_requests_total", "Requests to GitHub.", ["method", "status"], registry=self.registry
        )

    def called(self, method: str, status: str) -> None:
        """Count one request to GitHub; status `none` where there was no answer."""
        self.calls.labels(method, status).inc()

    def text(self) -> bytes:
        """The exposition in Prometheus' text format."""
        return generate_latest(self.registry)
