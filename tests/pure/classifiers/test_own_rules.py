"""A repository's own rules: they change what is shown, never the identity, and cost no more than their budget."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from classifiers.builtin import builtin_rules
from classifiers.classify import classify, conclude, without_log
from classifiers.model import Annotation, Category, JobFacts, OwnRule, Severity
from classifiers.own_rules import SECONDS, mistakes_of
from classifiers.scanner import Scanner

RULES = builtin_rules()
GENERIC = b"##[group]Run ./x.sh\n##[endgroup]\nerror: it broke\n##[error]Process completed with exit code 3.\n"


def rule(pattern: str, suggestion: str | None = None, name: str = "mine") -> OwnRule:
    return OwnRule(name, "infrastructure", pattern, "low", suggestion)


def test_a_line_that_only_an_own_rule_knows_is_shown_as_it_says() -> None:
    log = b"##[group]Run make\n##[endgroup]\nFLAKY DEVICE 7\n##[error]Process completed with exit code 1.\n"
    shown = classify([log], JobFacts(own_rules=(rule(r"FLAKY DEVICE (?P<code>\d+)", "Replug {code}."),)), RULES)
    assert (shown.category, shown.severity, shown.rule) == (Category.INFRASTRUCTURE, Severity.LOW, "own/mine")
    assert shown.suggestions[0] == "Replug 7."
    assert "own rule mine" in shown.reasons[0]


@pytest.mark.parametrize("pattern", ["it broke", "exit code", "error:", "."])
def test_the_identity_stays_although_an_own_rule_knows_the_very_line(pattern: str) -> None:
    plain = classify([GENERIC], JobFacts(), RULES)
    shown = classify([GENERIC], JobFacts(own_rules=(rule(pattern),)), RULES)
    assert shown.rule == "own/mine"
    assert (shown.fingerprint, shown.generic) == (plain.fingerprint, plain.generic)


def test_hits_beyond_number_take_nothing_from_the_built_in_rules() -> None:
    log = b"chatter 1\n" * 50_000 + GENERIC
    plain = classify([log], JobFacts(), RULES)
    shown = classify([log], JobFacts(own_rules=(rule("chatter"),)), RULES)
    assert shown.fingerprint == plain.fingerprint


def test_the_script_that_a_step_echoes_is_no_output() -> None:
    log = b"##[group]Run echo FLAKY DEVICE\necho FLAKY DEVICE\n##[endgroup]\n" + GENERIC
    assert classify([log], JobFacts(own_rules=(rule("^echo FLAKY"),)), RULES).rule != "own/mine"


def test_several_rules_may_name_their_groups_alike() -> None:
    own = (rule("(?P<message>alpha)", name="a"), rule("(?P<message>it broke)", name="b"))
    assert classify([GENERIC], JobFacts(own_rules=own), RULES).message == "it broke"


@pytest.mark.parametrize("pattern", [r"it (?P<message>broke)", r"x|it broke|\(?P<y>", "x)|(it broke", "(?i)IT BROKE"])
def test_a_pattern_finds_the_same_beside_others(pattern: str) -> None:
    own = (rule("(?P<message>alpha)", name="a"), rule(pattern, name="b"), rule("(?P<message>omega)", name="c"))
    assert classify([GENERIC], JobFacts(own_rules=own), RULES).rule == "own/b"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"(a)\1", "RE2"),
        ("(?=x)", "RE2"),
        ("(", "RE2"),
        ("a{1000}b{1000}c{1000}", "too large"),
        ("x*", "empty line"),
        (r"\Aerror", "`^`"),
        ("(?-m)^error", "`^`"),
        ("[ü]ber", "ASCII"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_told_with_what_to_do(pattern: str, said: str) -> None:
    [mistake] = mistakes_of(rule(pattern))
    assert said in mistake


def test_a_suggestion_with_a_field_that_nothing_fills_is_told() -> None:
    [mistake] = mistakes_of(rule("boom", "Look at {where}."))
    assert "where" in mistake


def test_a_good_rule_has_no_mistakes() -> None:
    assert mistakes_of(rule(r"(?i)boom (?P<where>\w+) \\Q", "Look at {where} in {file}.")) == ()


def test_own_rules_that_take_too_long_are_left_and_it_is_said() -> None:
    ticks = itertools.count(step=SECONDS / 10)
    facts = JobFacts(own_rules=(rule("it broke"),))
    scanner = Scanner(RULES, facts, clock=lambda: next(ticks))
    scanner.feed(b"it broke\n" * 100_000)
    scan = scanner.result()
    assert scan.own_cut
    assert next(ticks) < 3 * SECONDS
    assert any("too long" in reason for reason in conclude(scan, facts, RULES).reasons)


def test_where_there_is_no_log_own_rules_read_the_annotations() -> None:
    said = (Annotation("failure", "The hosted runner lost communication"), Annotation("failure", "FLAKY DEVICE 7"))
    own = (rule(r"FLAKY DEVICE (?P<code>\d+)", "Replug {code}."),)
    plain, shown = without_log(JobFacts(annotations=said)), without_log(JobFacts(annotations=said, own_rules=own))
    assert (shown.rule, shown.severity, shown.message) == ("own/mine", Severity.LOW, "FLAKY DEVICE 7")
    assert shown.suggestions[0] == "Replug 7."
    assert (shown.fingerprint, shown.generic) == (plain.fingerprint, plain.generic)


def test_annotations_beside_a_log_and_those_beyond_number_are_not_tried() -> None:
    many = (*(Annotation("failure", f"chatter {n}") for n in range(200)), Annotation("failure", "FLAKY DEVICE 7"))
    facts = JobFacts(annotations=many, own_rules=(rule("FLAKY DEVICE"),))
    assert without_log(facts).rule != "own/mine"
    assert classify([GENERIC], replace(facts, annotations=many[-1:]), RULES).rule != "own/mine"
