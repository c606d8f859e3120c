"""One failure, one identity; another cause, another one."""

from __future__ import annotations

import re

import pytest

from classifiers.fingerprint import fingerprint, says_little
from classifiers.model import Category

SAME = [
    ("cannot open /tmp/pytest-of-runner/pytest-0/x/a.db", "cannot open /tmp/pytest-of-root/pytest-12/y/a.db"),
    ("connect to 127.0.0.1:5432 failed", "connect to 127.0.0.1:49152 failed"),
    ("took 3.2s, limit 3s", "took 14.75s, limit 3s"),
    ("object <A at 0x7f3b2c1d> is gone", "object <A at 0x11aa22bb> is gone"),
    ("missing blob 3f2a9b8c7d", "missing blob aa11bb22cc"),
    ("at 2026-08-17T13:15:44Z no answer", "at 2025-01-01 01:02:03 no answer"),
    ("run 123456789 failed", "run 987654321 failed"),
    ("/home/runner/work/a/a/src/x.py is wrong", "/home/runner/work/b/b/src/x.py is wrong"),
    ("id 123e4567-e89b-12d3-a456-426614174000 unknown", "id 00000000-aaaa-bbbb-cccc-426614174000 unknown"),
    ("GET https://a.example.org/1?x=2 gave 500", "GET https://b.example.org/9 gave 500"),
]
DIFFERENT = [
    ("No module named 'requests'", "No module named 'yaml'"),
    ("assert left == right", "assert left != right"),
    ("'x' undeclared", "'y' undeclared"),
    ("cannot open /tmp/a/one.db", "cannot open /tmp/a/two.db"),
    ("TS2322: wrong", "TS2345: wrong"),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_what_differs_between_runs_is_masked(one: str, two: str) -> None:
    assert fingerprint(Category.TESTING, one) == fingerprint(Category.TESTING, two)


@pytest.mark.parametrize(("one", "two"), DIFFERENT)
def test_different_causes_differ(one: str, two: str) -> None:
    assert fingerprint(Category.TESTING, one) != fingerprint(Category.TESTING, two)


def test_the_category_is_part_of_the_identity() -> None:
    assert fingerprint(Category.TESTING, "x") != fingerprint(Category.BUILD, "x")


def test_it_is_versioned_and_short() -> None:
    assert re.fullmatch(r"1-[0-9a-f]{16}", fingerprint(Category.BUILD, "x"))


def test_it_never_changes_within_a_version() -> None:
    assert fingerprint(Category.BUILD, "undefined reference to `foo'") == "1-3f2958582a82d0c9"


def test_a_wrapper_line_is_told_apart_by_its_step_but_not_by_its_matrix_leg() -> None:
    def of(job: str) -> str:
        return fingerprint(Category.UNKNOWN, "Process completed with exit code 1", ("CI", job, "Test"))

    assert of("test (3.11)") == of("test (3.12)")
    assert of("test (3.11)") != of("lint")


@pytest.mark.parametrize(
    "message", ["assert 3 == 4", "FAIL", "AssertionError", "expected: <1> but was: <2>", "KeyError: 'b'"]
)
def test_a_message_of_hardly_a_word_says_little(message: str) -> None:
    assert says_little(message)


@pytest.mark.parametrize("message", ["'count' undeclared", "No module named 'yaml'", "math › adds numbers"])
def test_a_message_of_its_own_words_says_enough(message: str) -> None:
    assert not says_little(message)
