"""What is kept of the findings that lost against the cause."""

from __future__ import annotations

from classifiers.builtin import builtin_rules
from classifiers.classify import classify
from classifiers.model import JobFacts, RunnerUp
from classifiers.runners_up import LONGEST, MOST, runners_up
from tests.pure.classifiers.test_classify import run, stamped

EXIT = "##[error]Process completed with exit code 1."


def lost(*lines: str) -> tuple[RunnerUp, ...]:
    log = stamped((0, run("pytest")), *((1 + at, line) for at, line in enumerate((*lines, EXIT))))
    return runners_up(classify([log], JobFacts(), builtin_rules()))


def test_each_says_by_what_it_lost_and_the_best_comes_first() -> None:
    found = lost("E       assert 3 == 4", "tests/test_a.py:7: AssertionError", "=== 1 failed in 0.05s ===")
    assert [(one.rule, one.why) for one in found] == [
        ("pytest-summary", "summary, not cause"),
        ("runner-exit-code", "wrapper, not cause"),
    ]
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert all(one.line > 0 for one in found)


def test_of_two_causes_the_later_one_lost_for_that() -> None:
    first, *_ = lost("E       assert 3 == 4", "tests/test_a.py:7: AssertionError", "E       assert 5 == 6")
    assert (first.message, first.why) == ("assert 5 == 6", "the other one came first")


def test_they_are_few_short_and_hold_no_secret() -> None:
    secret = "ghp_" + "a1B2" * 9
    found = lost("E       assert 3 == 4", *(f"E       assert {n} == {secret} {'x' * 400}" for n in range(9)))
    assert len(found) == MOST
    assert max(len(one.message) for one in found) == LONGEST
    assert secret not in repr(found)


def test_an_exit_code_alone_had_no_rival() -> None:
    assert lost() == ()
