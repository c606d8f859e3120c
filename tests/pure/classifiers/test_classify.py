"""Whole logs in, verdicts out: what a caller of the one door relies on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from classifiers.builtin import builtin_rules, load_packs
from classifiers.classify import classify, conclude, without_log
from classifiers.green import mark
from classifiers.model import Annotation, Category, JobFacts, OwnRule, Severity, Step
from classifiers.scanner import Scanner

RULES = builtin_rules()
START = datetime(2026, 8, 17, 13, 15, 0, tzinfo=UTC)


PACK = """
[[rule]]
id = "one"
tool = "rustc"
category = "build"
pattern = 'mismatched types'
matches = ["mismatched types"]
"""
GENERAL = "Build locally from a clean checkout and mend the first error; later ones often follow from it."


def stamped(*steps: tuple[int, str]) -> bytes:
    """Lines with the runner's timestamps; each part is (seconds after the start, its lines)."""
    lines = []
    for seconds, text in steps:
        stamp = (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.1234567Z ")
        lines += [stamp + line for line in text.split("\n")]
    return ("\n".join(lines) + "\n").encode()


def run(command: str) -> str:
    return f"##[group]Run {command}\n\x1b[36;1m{command}\x1b[0m\nshell: /usr/bin/bash -e {{0}}\n##[endgroup]"


OUTCOMES = {
    Category.TESTING: (
        "pytest",
        "E       AssertionError: assert 1 == 2\nFAILED tests/test_a.py::test_one\n== 1 failed in 0.1s ==",
    ),
    Category.LINTING: ("ruff check .", "src/a.py:1:8: F401 [*] `os` imported but unused\nFound 1 error."),
    Category.FORMATTING: (
        "black --check .",
        "would reformat src/a.py\n\n1 file would be reformatted, 3 files would be left unchanged.",
    ),
    Category.BUILD: (
        "make",
        "src/a.c:3:5: error: 'x' undeclared (first use in this function)\nmake: *** [Makefile:2: a.o] Error 1",
    ),
    Category.DEPLOYMENT: (
        "npm publish",
        "npm error code E403\nnpm error 403 403 Forbidden - PUT https://registry.example.org/a - "
        "You cannot publish over the previously published versions: 1.0.0.",
    ),
    Category.DEPENDENCY: ("pip install -r r.txt", "ERROR: No matching distribution found for nopackage==9"),
    Category.TIMEOUT: ("make test", "working\n##[error]The action 'Test' has timed out after 10 minutes."),
    Category.INFRASTRUCTURE: ("make", "cp: error writing 'b': No space left on device"),
}


@pytest.mark.parametrize("category", OUTCOMES, ids=str)
def test_each_category_is_known_by_its_common_outcome(category: Category) -> None:
    command, output = OUTCOMES[category]
    log = stamped(
        (0, run("actions/checkout@v4")),
        (5, run(command)),
        (6, output),
        (7, "##[error]Process completed with exit code 1."),
    )
    verdict = classify([log], JobFacts(), RULES)
    assert verdict.category is category
    assert verdict.confidence >= 0.6
    assert verdict.line is not None
    assert log.decode().split("\n")[verdict.line - 1].count(verdict.message) == 1
    assert verdict.message in verdict.excerpt


def test_script_echo_is_no_output() -> None:
    echo = "##[group]Run echo\n\x1b[36;1mERROR: No matching distribution found for x\x1b[0m\n##[endgroup]"
    log = stamped(
        (0, echo), (1, "src/a.c:3:5: error: 'x' undeclared"), (2, "##[error]Process completed with exit code 1.")
    )
    assert classify([log], JobFacts(), RULES).rule == "gcc-error"


def test_a_group_that_was_cut_before_its_end_hides_nothing() -> None:
    lines = (run("pip install x").removesuffix("\n##[endgroup]"), "ERROR: No matching distribution found for x")
    log = stamped(*enumerate((*lines, "##[error]Process completed with exit code 1.")))
    assert classify([log], JobFacts(), RULES).rule == "pip-no-version"


def test_a_script_that_echoes_errors_a_hundred_times_hides_none_of_its_output() -> None:
    script = "\n".join(["echo 'src/a.c:3:5: error: no'"] * 100)
    echo = f"##[group]Run make\n{script}\n##[endgroup]"
    log = stamped(
        (0, echo), (1, "src/a.c:3:5: error: 'x' undeclared"), (2, "##[error]Process completed with exit code 1.")
    )
    verdict = classify([log], JobFacts(), RULES)
    assert (verdict.rule, verdict.line) == ("gcc-error", 103)


def test_post_steps_are_not_causes() -> None:
    log = stamped(
        (0, run("./test.sh")),
        (1, "##[error]Process completed with exit code 1."),
        (2, "Post job cleanup.\nsrc/a.c:3:5: error: 'x' undeclared"),
    )
    assert classify([log], JobFacts(), RULES).rule != "gcc-error"


def test_the_failing_step_is_found_by_its_times() -> None:
    log = stamped(
        (0, run("make lint")),
        (1, "src/a.c:3:5: error: 'tolerated' undeclared\n##[error]Process completed with exit code 2."),
        (10, run("make test")),
        (11, "FAILED (failures=1)\n##[error]Process completed with exit code 1."),
    )
    steps = (
        Step(1, "Lint", "success", START, START + timedelta(seconds=8)),
        Step(2, "Test", "failure", START + timedelta(seconds=10), START + timedelta(seconds=12)),
    )
    verdict = classify([log], JobFacts(steps=steps), RULES)
    assert (verdict.rule, verdict.step) == ("unittest-result", "Test")


def test_an_annotation_decides_over_a_bare_cancellation() -> None:
    log = stamped((0, run("make")), (1, "##[error]The operation was canceled."))
    facts = JobFacts(
        conclusion="cancelled",
        annotations=(Annotation("failure", "The job has exceeded the maximum execution time of 6h0m0s"),),
    )
    assert classify([log], facts, RULES).category is Category.TIMEOUT
    assert classify([log], JobFacts(conclusion="cancelled"), RULES).category is Category.UNKNOWN


@pytest.mark.parametrize(
    ("message", "category"),
    [
        (
            "The job running on runner GitHub Actions 3 has exceeded the maximum execution time of 360 minutes.",
            Category.TIMEOUT,
        ),
        ("The hosted runner: GitHub Actions 9 lost communication with the server.", Category.INFRASTRUCTURE),
        (
            "The job was not started because recent account payments have failed or your spending limit has to rise.",
            Category.INFRASTRUCTURE,
        ),
        ("Canceling since a higher priority waiting request for ci exists", Category.UNKNOWN),
    ],
)
def test_without_a_log_the_annotations_speak(message: str, category: Category) -> None:
    verdict = without_log(JobFacts(annotations=(Annotation("failure", message),)))
    assert verdict.category is category
    assert verdict.line is None
    assert verdict.excerpt.startswith(message[:40])


def test_a_job_without_steps_log_or_annotation_never_started() -> None:
    assert without_log(JobFacts()).category is Category.INFRASTRUCTURE


def test_a_job_cut_off_at_six_hours_ran_into_its_limit() -> None:
    steps = (Step(1, "Test", "cancelled", START, START + timedelta(minutes=360, seconds=10)),)
    assert without_log(JobFacts(conclusion="cancelled", steps=steps)).category is Category.TIMEOUT


def test_a_bare_exit_code_is_generic_and_grouped_by_its_step() -> None:
    log = stamped((0, run("./x.sh")), (1, "hello\n##[error]Process completed with exit code 3."))
    one = classify([log], JobFacts(workflow="CI", job="a", step="x"), RULES)
    same = classify([log], JobFacts(workflow="CI", job="a", step="x"), RULES)
    other = classify([log], JobFacts(workflow="CI", job="b", step="x"), RULES)
    assert one.generic
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_an_own_rule_changes_what_is_shown_but_not_the_identity() -> None:
    log = stamped(
        (0, run("make")),
        (1, "src/a.c:3:5: error: 'x' undeclared"),
        (2, "FLAKY DEVICE 7\n##[error]Process completed with exit code 1."),
    )
    plain = classify([log], JobFacts(), RULES)
    rule = OwnRule("device", "infrastructure", "FLAKY DEVICE", "low", "Replug it.")
    own = classify([log], JobFacts(own_rules=(rule,)), RULES)
    assert (own.category, own.severity, own.rule) == (Category.INFRASTRUCTURE, Severity.LOW, "own/device")
    assert own.suggestions[0] == "Replug it."
    assert own.fingerprint == plain.fingerprint


def test_nothing_secret_leaves() -> None:
    token = "ghp_" + "a1B2c3D4e5" * 4
    log = stamped(
        (0, run("make")),
        (1, f"fatal: Authentication failed for 'https://x:{token}@github.com/a/b'\nerror: {token}"),
        (2, "##[error]Process completed with exit code 128."),
    )
    verdict = classify([log], JobFacts(step=f"push {token}"), RULES)
    assert "a1B2c3" not in repr(verdict)


def test_a_location_is_relative_to_the_repository() -> None:
    log = stamped((0, run("make")), (1, "/home/runner/work/app/app/src/a.c:3:5: error: 'x' undeclared"))
    location = classify([log], JobFacts(), RULES).location
    assert location is not None
    assert (location.path, location.line, location.column) == ("src/a.c", 3, 5)


@pytest.mark.parametrize(
    "path", ["/usr/include/a.h", "/home/runner/.cargo/registry/src/a.c", "/opt/x/site-packages/a.c", "../a.c"]
)
def test_a_place_outside_of_the_repository_is_none(path: str) -> None:
    assert classify([f"{path}:3:5: error: broken".encode()], JobFacts(), RULES).location is None


def test_a_log_cut_anywhere_gives_the_same_verdict() -> None:
    command, output = OUTCOMES[Category.TESTING]
    log = stamped(
        (0, run(command)), (1, "noise\n" * 3000 + output), (2, "##[error]Process completed with exit code 1.")
    )
    whole = classify([log], JobFacts(), RULES)
    pieces = classify([log[i : i + 997] for i in range(0, len(log), 997)], JobFacts(), RULES)
    assert whole == pieces


def test_feeding_a_scanner_and_concluding_is_classifying() -> None:
    scanner = Scanner(RULES, JobFacts())
    scanner.feed(b"would reformat src/a.py")
    assert conclude(scanner.result(), JobFacts(), RULES) == classify([b"would reformat src/a.py"], JobFacts(), RULES)


@pytest.mark.parametrize("log", [b"", b"\x00\xff\xfe" * 500, b"\r\r\r\n\n", b"\x1b[" * 1000])
def test_any_bytes_give_an_answer(log: bytes) -> None:
    assert classify([log], JobFacts(steps=(Step(1, "x", "failure"),)), RULES).category in set(Category)


def test_equal_assertions_of_different_tests_are_different_failures() -> None:
    def of(file: str) -> str:
        log = f"E       assert 3 == 4\n\ntests/{file}:7: AssertionError\n=== 1 failed in 0.10s ==="
        return classify([log.encode()], JobFacts(), RULES).fingerprint

    assert of("test_a.py") != of("test_b.py")
    assert of("test_a.py") == of("test_a.py")


def test_a_failure_is_the_same_in_another_checkout_at_another_time() -> None:
    def of(place: str, second: int) -> str:
        log = stamped(
            (second, run("pytest")), (second + 1, f"E   OSError: cannot open {place}/data/items.json after {second}s")
        )
        return classify([log], JobFacts(branch=place), RULES).fingerprint

    assert of("/home/runner/work/app/app", 3) == of("/home/runner/work/fork/fork", 44)


def test_a_tolerated_step_before_the_failing_one_is_no_cause() -> None:
    log = stamped(
        (0, run("make experimental")),
        (1, "src/a.c:3:5: error: 'tolerated' undeclared\n##[error]Process completed with exit code 2."),
        (2, run("python -m unittest")),
        (3, "FAILED (failures=1)\n##[error]Process completed with exit code 1."),
    )
    assert classify([log], JobFacts(), RULES).rule == "unittest-result"


def test_what_runs_after_a_failure_anyway_hides_no_cause() -> None:
    log = stamped(
        (0, run("python -m unittest")),
        (1, "FAILED (failures=1)\n##[error]Process completed with exit code 1."),
        (2, run("actions/upload-artifact@v4")),
        (3, "##[error]No files were found with the provided path: out/. No artifacts will be uploaded."),
    )
    assert classify([log], JobFacts(), RULES).rule == "unittest-result"


def test_an_action_without_an_exit_code_is_found_by_its_last_words() -> None:
    log = stamped(
        (0, run("make -k || true")),
        (1, "src/a.c:3:5: error: 'x' undeclared\nmore"),
        (2, run("actions/setup-node@v4")),
        (3, "##[error]Unable to find Node version '99' for platform linux and architecture x64."),
        (4, "Post job cleanup."),
    )
    assert classify([log], JobFacts(), RULES).rule == "runner-setup-version"


def test_a_line_that_the_last_green_log_has_too_is_no_cause() -> None:
    noise = "fatal: not a git repository (or any of the parent directories): .git"
    log = stamped(
        (0, run("make")),
        (1, f"{noise}\nerror: the server said no"),
        (2, "##[error]Process completed with exit code 1."),
    )
    assert classify([log], JobFacts(), RULES).rule == "git-not-found"
    assert classify([log], JobFacts(green=frozenset({mark(noise)})), RULES).rule == "generic-error-colon"


def test_the_step_s_own_command_is_what_reproduces_it() -> None:
    log = stamped(
        (0, run("make -j4 app")),
        (1, "src/a.rs:1\nerror[E0308]: mismatched types"),
        (2, "##[error]Process completed with exit code 1."),
    )
    advice = classify([log], JobFacts(), load_packs({"p.toml": PACK})).suggestions
    assert advice == (GENERAL, "Reproduce it locally with `make -j4 app`.")


def test_a_post_step_counts_where_it_is_what_failed() -> None:
    log = stamped((0, run("make")), (5, "Post job cleanup.\ncp: error writing 'b': No space left on device"))
    steps = (
        Step(1, "Run make", "success", START, START + timedelta(seconds=4)),
        Step(2, "Post Run actions/cache@v4", "failure", START + timedelta(seconds=5), START + timedelta(seconds=6)),
    )
    assert classify([log], JobFacts(steps=steps), RULES).category is Category.INFRASTRUCTURE
