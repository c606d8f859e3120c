"""Recorded logs keep their verdicts. `BLESS_VERDICTS=1 pytest tests/corpus` takes the present ones as expected."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from classifiers.builtin import builtin_rules
from classifiers.classify import classify
from classifiers.model import JobFacts
from classifiers.scanner import Scanner
from tests.corpus.record import LOGS, scenarios

VERDICTS = Path(__file__).parent / "verdicts"
PRIVATE_PLACE = re.compile(
    r"(?<![\w.*/-])/(?:root|work|srv/build|mnt|media)/|/home/(?!runner\b)\w+|/tmp/(?!x\b|tmp|bun|pip|_MEI)\w+/\S"
)
"""Where only the machine that recorded a log has something."""
MOST_LINES = 200
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


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_recorded_log_names_no_place_of_the_machine_it_was_made_on(name: str) -> None:
    assert PRIVATE_PLACE.findall((LOGS / f"{name}.log").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_recorded_log_is_short_enough_to_be_read(name: str) -> None:
    assert len((LOGS / f"{name}.log").read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_every_recorded_log_belongs_to_a_scenario() -> None:
    assert {log.stem for log in LOGS.glob("*.log")} == set(SCENARIOS)
