"""What is shipped for Prometheus and Grafana speaks of metrics that there are, and of alerts that are explained."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.metrics import Metrics

ROOT = Path(__file__).resolve().parents[1]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text(encoding="utf-8"))
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
EXPRESSIONS += [rule["expr"] for rule in ALERTS]
OTHERS = {"up"}
"""What Prometheus itself has of everything it scrapes."""


def series() -> dict[str, set[str]]:
    """Every series a scrape may show, with its labels."""
    metrics = Metrics()
    metrics.called("GET", "/app", "200")
    metrics.allowed({1: 5000})
    for gauge_or_counter in (metrics.deliveries, metrics.waiting):
        gauge_or_counter.labels("x")
    samples = (sample for family in metrics.registry.collect() for sample in family.samples)
    return {sample.name: set(sample.labels) for sample in samples}


def families() -> set[str]:
    """The names as `/metrics` announces them."""
    named = re.findall(r"^# TYPE (\S+) ", Metrics().text().decode(), re.MULTILINE)
    return {name for name in named if not name.endswith("_created")}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_names_metrics_and_labels_that_there_are(expression: str) -> None:
    known = series()
    named = re.findall(r"\b(pipeline_\w+|up)(?:\{([^}]*)\})?", expression)
    assert named
    assert {name for name, _ in named} <= known.keys() | OTHERS
    for name, selectors in named:
        if name not in OTHERS:
            assert set(re.findall(r"(\w+)=~?\"", selectors)) <= known[name]
    grouped = {label for inner in re.findall(r"by \(([^)]*)\)", expression) for label in inner.split(", ")}
    assert grouped <= set().union(*(known.get(name, set()) for name, _ in named))
    assert expression.count("(") == expression.count(")")


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    assert {"uid", "title", "schemaVersion", "panels", "templating", "time"} <= DASHBOARD.keys()
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells


def test_the_dashboard_shows_every_metric() -> None:
    shown = {name for one in EXPRESSIONS for name in re.findall(r"pipeline_\w+", one)}
    assert [one for one in families() if not any(name.startswith(one) for name in shown)] == []


def test_every_metric_is_documented() -> None:
    listed = set(re.findall(r"^\| `(pipeline_\w+)", OPERATIONS, re.MULTILINE))
    assert listed == families()


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_has_its_page_in_the_runbook(rule: dict[str, Any]) -> None:
    assert f"\n### {rule['alert']}\n" in OPERATIONS
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
    assert rule["labels"]["severity"] in {"page", "ticket"}


def test_the_runbook_has_no_alert_that_is_not_there() -> None:
    assert set(re.findall(r"^### (Pipeline\w+)$", OPERATIONS, re.MULTILINE)) == {rule["alert"] for rule in ALERTS}
