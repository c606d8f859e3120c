"""What an excerpt shows, and where it ends."""

from __future__ import annotations

import pytest

from classifiers.builtin import builtin_rules
from classifiers.classify import classify
from classifiers.model import JobFacts
from tests.pure.classifiers.test_classify import run, stamped

EXIT = "##[error]Process completed with exit code 1."
AFTER = "Post job cleanup.\n[command]/usr/bin/git version\ngit version 2.51.0\nCleaning up orphan processes"
CAUSE = "src/a.rs:1\nerror[E0308]: mismatched types"


def excerpt(*parts: str) -> list[str]:
    log = stamped(*enumerate(parts))
    return classify([log], JobFacts(), builtin_rules()).excerpt.split("\n")


@pytest.mark.parametrize("output", [CAUSE, "nothing that any rule knows"])
@pytest.mark.parametrize(
    "after", [AFTER, f"{run('make clean')}\nremoved", f"##[endgroup]\n{run('./notify.sh')}\nsaid so\n{AFTER}"]
)
def test_an_excerpt_ends_where_its_step_ends(output: str, after: str) -> None:
    lines = excerpt(run("make"), f"{output}\n{EXIT}", after)
    assert output.rsplit("\n", maxsplit=1)[-1] in lines
    assert lines[-1] == EXIT


def test_a_log_without_an_exit_code_shows_no_cleaning_up() -> None:
    lines = excerpt(run("make"), "the last word", AFTER)
    assert lines == ["the last word"]


def test_an_excerpt_begins_with_output_and_not_with_the_script() -> None:
    lines = excerpt(run("cargo build"), f"error[E0308]: mismatched types\n{EXIT}")
    assert lines == ["error[E0308]: mismatched types", EXIT]


def test_lines_that_say_nothing_are_left_out_without_a_mark() -> None:
    lines = excerpt(run("cargo build"), f"error[E0308]: mismatched types\n\n  --> src/a.rs:1\n{EXIT}")
    assert lines == ["error[E0308]: mismatched types", "  --> src/a.rs:1", EXIT]


def test_an_excerpt_of_long_lines_stays_within_its_limits_and_holds_the_cause() -> None:
    long = "\n".join(f"note {number} " + "x" * 900 for number in range(40))
    lines = excerpt(run("cargo build"), f"{long}\nerror[E0308]: mismatched types\n{long}\n{EXIT}")
    assert "error[E0308]: mismatched types" in lines
    assert len(lines) <= 30
    assert sum(map(len, lines)) + len(lines) <= 4000
