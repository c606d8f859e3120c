"""Recorded logs keep their verdicts. `BLESS_VERDICTS=1 pytest tests/corpus` takes the present ones as expected."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from classifiers.classify import classify
from classifiers.model import JobFacts
from classifiers.rules import builtin_rules
from classifiers.scanner import Scanner
from tests.corpus.record import LOGS, scenarios

VERDICTS = Path(__file__).parent / "verdicts"
SCENARIOS = {scenario["name"]: scenario for scenario in scenarios()}


def verdict(name: str) -> dict[str, Any]:
    log = (LOGS / f"{name}.log").read_bytes()
    found = classify([log], JobFacts(), builtin_rules())
    place = found.location
    return {
        "category": str(found.category),
        "severity": str(found.severity),
        "rule": found.rule,
        "tool": found.tool,
        "line": found.line,
        "message": found.message,
        "location": f"{place.path}:{place.line}" if place else None,
        "fingerprint": found.fingerprint,
        "suggestions": list(found.suggestions),
    }


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_recorded_log_keeps_its_verdict(name: str) -> None:
    path = VERDICTS / f"{name}.json"
    found = verdict(name)
    if os.environ.get("BLESS_VERDICTS") == "1":
        VERDICTS.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    assert found == json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_recorded_log_is_read_as_a_person_reads_it(name: str) -> None:
    assert verdict(name)["category"] == SCENARIOS[name]["category"]


def test_a_rule_that_claims_to_be_recorded_is_seen_in_a_recorded_log() -> None:
    seen: set[str] = set()
    for log in LOGS.glob("*.log"):
        scanner = Scanner(builtin_rules(), JobFacts())
        scanner.feed(log.read_bytes())
        seen |= {hit.rule.id for hit in scanner.result().hits}
    assert {rule.id for rule in builtin_rules().rules if rule.source == "recorded"} <= seen
