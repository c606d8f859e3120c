"""A stored failure read again: only another version of the rules makes another verdict of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.reading import as_failure
from bot.rereading import reread
from classifiers.builtin import builtin_rules
from classifiers.classify import classify
from classifiers.model import Category, JobFacts
from classifiers.rules import RuleSet
from storage.rejudging import Stored
from tests.corpus.record import LOGS, scenarios
from tests.factories import a_run

EVERY = 6
"""Of the recorded logs so many are left out for one that is read: all of them take half a minute."""
RULES = builtin_rules()


def stored(name: str) -> Stored:
    """The failure that a recorded log makes."""
    facts = JobFacts(workflow="CI", job="test", branch="feature")
    verdict = classify([(LOGS / f"{name}.log").read_bytes()], facts, RULES)
    run = a_run(branch="feature", default_branch=False)
    failure = as_failure(run, verdict, job_id=1, job="test", url="", at=1)
    return Stored(failure=failure, category=failure.category, default_branch=False, fork=False)


@pytest.mark.parametrize("left", ["excerpt", "message"])
def test_the_same_rules_say_the_same_of_what_is_left_of_a_log(left: str) -> None:
    changed = {}
    for scenario in scenarios()[::EVERY]:
        one = stored(scenario["name"])
        if left == "message":
            one = replace(one, failure=replace(one.failure, excerpt="", runners_up=()))
        verdict = reread(one, RULES).verdict
        if verdict is not None:
            changed[scenario["name"]] = (one.failure.rule, verdict.rule)
    assert changed == {}


def test_a_rule_whose_category_was_mended_is_another_verdict() -> None:
    one = stored("pytest-assertion" if (LOGS / "pytest-assertion.log").exists() else scenarios()[0]["name"])
    rule = next(rule for rule in RULES.rules if rule.id == one.failure.rule)
    other = Category.BUILD if rule.category is not Category.BUILD else Category.TESTING
    mended = RuleSet(tuple(replace(each, category=other) if each.id == rule.id else each for each in RULES.rules))
    verdict = reread(one, mended).verdict
    assert verdict is not None
    assert (verdict.rule, verdict.category) == (rule.id, other)
    assert verdict.fingerprint != one.failure.fingerprint
