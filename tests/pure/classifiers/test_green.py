"""What a green log of the same job says about a red one."""

from __future__ import annotations

import re

from classifiers.builtin import builtin_rules
from classifiers.classify import classify
from classifiers.green import MOST_BYTES, MOST_LINES, GreenLines, mark, unpacked
from classifiers.model import Category, Classification, JobFacts
from tests.pure.classifiers.test_classify import run, stamped

QUIET = "Loading the plan\nThe widget of room 7 is not level\nStopped."
EXIT = "##[error]Process completed with exit code 3."


def green_of(log: bytes, size: int = 1000) -> tuple[frozenset[int], bool]:
    lines = GreenLines()
    for start in range(0, len(log), size):
        lines.feed(log[start : start + size])
    return unpacked(lines.packed())


def read(log: bytes, green: bytes) -> Classification:
    marks, cut = green_of(green)
    return classify([log], JobFacts(green=marks, green_cut=cut), builtin_rules())


def test_a_line_is_known_again_whatever_its_time_colour_and_folder() -> None:
    log = stamped((0, run("make")), (1, "\x1b[31mread /home/runner/work/a/a/x.txt in 0.31s\x1b[0m"))
    marks, cut = green_of(log, size=7)
    assert mark("read /tmp/b/x.txt in 12.5s") in marks
    assert mark("read nothing") not in marks
    assert not cut


def test_where_no_rule_knows_a_line_the_one_that_the_green_log_lacks_is_shown() -> None:
    red = stamped((0, run("./plan.sh")), (1, QUIET), (2, EXIT))
    green = stamped((0, run("./plan.sh")), (1, "Loading the plan\nStopped."))
    found = read(red, green)
    assert found.message == "The widget of room 7 is not level"
    assert found.line == 6
    assert "The last green log does not have this line." in found.reasons
    assert found.generic
    assert found.fingerprint == read(red, b"").fingerprint


def test_without_news_the_bare_exit_code_stays_what_is_known() -> None:
    red = stamped((0, run("./plan.sh")), (1, QUIET), (2, EXIT))
    found = read(red, stamped((0, run("./plan.sh")), (1, QUIET)))
    assert found.message == "Process completed with exit code 3"
    assert "The last green log has all the last lines of this one too." in found.reasons


def test_a_cause_that_the_green_log_has_too_is_hardly_believed() -> None:
    noise = "error: the cache is cold"
    red = stamped((0, run("make")), (1, noise), (2, EXIT))
    found = read(red, stamped((0, run("make")), (1, noise)))
    assert found.confidence <= 0.4
    assert "The last green log has it too." in found.reasons


def test_a_green_log_that_was_cut_denies_nothing() -> None:
    long = b"".join(
        b"line %s\n" % re.sub(rb"\d", lambda d: b"abcdefghij"[int(d[0])].to_bytes(), b"%d" % n)
        for n in range(MOST_LINES + 10)
    )
    marks, cut = green_of(long, size=100_000)
    assert cut
    assert len(marks) == MOST_LINES
    red = stamped((0, run("make")), (1, "error: the server said no"), (2, EXIT))
    found = read(red, long)
    assert found.category is Category.BUILD
    assert not any("green" in reason for reason in found.reasons)


def test_what_is_kept_of_a_green_log_is_bounded_whatever_it_holds() -> None:
    lines = GreenLines()
    for _ in range(3 * MOST_BYTES // 65536):
        lines.feed(b"x" * 65536)
    marks, cut = unpacked(lines.packed())
    assert (len(marks), cut) == (0, True)
