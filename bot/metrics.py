"""What Prometheus may ask. No repository names in labels: there may be thousands of them."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from classifiers.model import Category

OUTCOMES = ("done", "put back", "dead", "lost")


class Metrics:
    """The process's own registry, so that two servers in one process do not share numbers."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.deliveries = Counter(
            "pipeline_deliveries_total", "Webhook requests by answer.", ["status"], registry=registry
        )
        self.accepted = Counter(
            "pipeline_deliveries_accepted_total", "Deliveries that were stored as new work.", registry=registry
        )
        self._of_work(registry)
        self._of_the_inbox(registry)
        self._of_github(registry)
        self._of_classification(registry)

    def _of_work(self, registry: CollectorRegistry) -> None:
        self.jobs = Counter("pipeline_jobs_total", "Units of work by how they ended.", ["outcome"], registry=registry)
        for outcome in OUTCOMES:
            self.jobs.labels(outcome)
        self.seconds = Histogram(
            "pipeline_job_seconds",
            "Time a unit of work took.",
            registry=registry,
            buckets=(0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60),
        )
        self.lag = Histogram(
            "pipeline_job_lag_seconds",
            "Time between the moment a unit of work could have begun and its beginning.",
            registry=registry,
            buckets=(0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600),
        )

    def _of_the_inbox(self, registry: CollectorRegistry) -> None:
        self.waiting = Gauge("pipeline_inbox_jobs", "Units of work by state.", ["state"], registry=registry)
        self.oldest = Gauge(
            "pipeline_inbox_oldest_seconds", "Age of the oldest unit of work that is ready.", registry=registry
        )

    def _of_github(self, registry: CollectorRegistry) -> None:
        self.calls = Counter(
            "pipeline_github_requests_total", "Requests to GitHub.", ["method", "route", "status"], registry=registry
        )
        self.quota = Gauge(
            "pipeline_github_quota_remaining",
            "Requests that GitHub still allows an installation in this hour, as it said last.",
            ["installation"],
            registry=registry,
        )

    def _of_classification(self, registry: CollectorRegistry) -> None:
        self.classifying = Histogram(
            "pipeline_classification_seconds",
            "Processor time the classifier spent on one log.",
            registry=registry,
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30),
        )
        self.classified = Counter(
            "pipeline_classifications_total", "Logs that were classified.", ["category"], registry=registry
        )
        for category in Category:
            self.classified.labels(category.value)

    def called(self, method: str, route: str, status: str) -> None:
        """Count one request to GitHub; status `none` where there was no answer."""
        self.calls.labels(method, route, status).inc()

    def judged(self, category: str, seconds: float) -> None:
        """Count one log and the processor time it took."""
        self.classified.labels(category).inc()
        self.classifying.observe(seconds)

    def allowed(self, left: Mapping[int, int]) -> None:
        """What GitHub still allows, by installation; those that are not named are forgotten."""
        self.quota.clear()
        for installation, requests in left.items():
            self.quota.labels(str(installation)).set(requests)

    def text(self) -> bytes:
        """The exposition in Prometheus' text format."""
        return generate_latest(self.registry)
