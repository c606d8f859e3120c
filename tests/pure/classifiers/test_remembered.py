"""The usual ends of logs of tools that cannot be run here are read as a person reads them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from classifiers.builtin import builtin_rules
from classifiers.classify import classify
from classifiers.model import JobFacts

with Path(__file__).with_name("remembered.toml").open("rb") as file:
    LOGS: list[dict[str, Any]] = tomllib.load(file)["log"]
STAMP = "2026-08-17T13:15:44.1234567Z "


def whole(log: dict[str, Any]) -> bytes:
    """The log as the runner writes it, with its step's command and a bare exit code."""
    run = log["run"]
    start = ["Complete job name: job", f"##[group]Run {run}", f"\x1b[36;1m{run}\x1b[0m", "##[endgroup]"] if run else []
    text = log["text"].strip("\n").split("\n")
    end = [] if "##[error]" in log["text"] or not run else ["##[error]Process completed with exit code 1."]
    return "".join(f"{STAMP}{line}\n" for line in (*start, *text, *end)).encode()


@pytest.mark.parametrize("log", LOGS, ids=[log["name"] for log in LOGS])
def test_a_usual_end_is_read_as_a_person_reads_it(log: dict[str, Any]) -> None:
    found = classify([whole(log)], JobFacts(), builtin_rules())
    assert found.category == log["category"], (found.rule, found.message)
