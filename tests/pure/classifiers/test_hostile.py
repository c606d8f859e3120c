"""A hostile log costs no more work than an ordinary one: engine calls and confirmations are counted, not time."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import pytest

from classifiers.builtin import builtin_rules
from classifiers.classify import conclude
from classifiers.engine import Match, PatternSet
from classifiers.model import JobFacts
from classifiers.rules import Rule, RuleSet
from classifiers.scanner import CHUNK, FIRST_HITS, LAST_HITS, Scanner
from tests.benchmarks.hostile import NEAR
from tests.benchmarks.scan import log_of

WORK: Counter[str] = Counter()


class CountedRule(Rule):
    """A rule that counts how often it is tried on a line."""

    def search(self, line: bytes) -> Match | None:
        WORK["confirmations"] += 1
        return super().search(line)

    def places(self, text: bytes, most: int) -> list[int]:
        found = super().places(text, most)
        WORK["searches"] += len(found) + 1
        return found


class CountedSet:
    """A set that counts its calls and the bytes it is given."""

    def __init__(self, inner: PatternSet) -> None:
        self._inner = inner

    def match(self, text: bytes) -> Sequence[int]:
        WORK["calls"] += 1
        WORK["bytes"] += len(text)
        return self._inner.match(text)


class CountedRules(RuleSet):
    """The built-in rules, counted."""

    shared: ClassVar[RuleSet] = builtin_rules()

    @cached_property
    def sets(self) -> Any:
        return tuple((rules, CountedSet(patterns)) for rules, patterns in self.shared.sets)


def counted() -> CountedRules:
    rules = builtin_rules()
    fields = [field.name for field in dataclasses.fields(Rule)]
    made = tuple(CountedRule(**{name: getattr(rule, name) for name in fields}) for rule in rules.rules)
    return CountedRules(made, rules.commands, rules.local)


RULES = counted()
HOSTILE = {
    "one line": b"a" * 10_000_000,
    "codes in one line": b"\x1b[31mx\x1b[0m" * 500_000,
    "a code a line": b"\x1b[31m\x1b[0m\n" * 500_000,
    "near misses": "".join(NEAR[number % len(NEAR)] for number in range(1_000_000)).encode(),
    "causes": b"src/a.c:3:5: error: unknown type name 'x'\n" * 200_000,
    "groups": b"##[group]Run make\n##[endgroup]\nerror: x\n" * 100_000,
}


def work(log: bytes) -> Counter[str]:
    WORK.clear()
    scanner = Scanner(RULES, JobFacts())
    for start in range(0, len(log), 65536):
        scanner.feed(log[start : start + 65536])
    conclude(scanner.result(), JobFacts(), RULES)
    return WORK.copy()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_log_asks_the_engine_for_no_more_than_its_bytes(name: str) -> None:
    log = HOSTILE[name]
    done = work(log)
    sets = len(RULES.sets)
    assert done["bytes"] <= sets * (2 * len(log) + 65536)
    assert done["calls"] <= sets * (len(log) // CHUNK + 2 * (len(log) // 65536) + 4)


@pytest.mark.parametrize("name", HOSTILE)
def test_confirmations_do_not_grow_with_a_hostile_log(name: str) -> None:
    log = HOSTILE[name]
    whole, half = work(log)["confirmations"], work(log[: len(log) // 2])["confirmations"]
    steps = 48
    assert whole - half <= (FIRST_HITS + LAST_HITS) * CHUNK
    assert whole <= steps * (FIRST_HITS + LAST_HITS) * 500


def test_an_ordinary_log_is_confirmed_on_few_of_its_lines() -> None:
    log = log_of(2_000_000, every=99)
    assert 0 < work(log)["confirmations"] <= log.count(b"\n") // 2
