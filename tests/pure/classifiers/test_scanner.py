"""Bounded memory and exact line numbers, whatever the log."""

from __future__ import annotations

import tracemalloc

import pytest

from classifiers.builtin import builtin_rules, load_packs
from classifiers.candidates import candidate
from classifiers.engine import PatternError, PatternSet
from classifiers.joblog import clean, strip_stamps
from classifiers.model import JobFacts
from classifiers.scanner import Scan, Scanner

RULES = load_packs(
    {
        "p.toml": """
[[rule]]
id = "marker"
tool = "t"
category = "build"
pattern = '^would reformat .+'
matches = ["would reformat a.py"]
[[rule]]
id = "compiler"
tool = "t"
category = "build"
pattern = '^[^ :]+:[0-9]+:[0-9]+: error: (?P<message>.+)$'
matches = ["a.c:3:5: error: x"]
"""
    }
)
STAMP = b"2026-08-17T13:15:44.1234567Z "


def scanned(*pieces: bytes) -> Scan:
    scanner = Scanner(RULES, JobFacts())
    for piece in pieces:
        scanner.feed(piece)
    return scanner.result()


@pytest.mark.parametrize("before", [0, 1, 9, 500, 5000, 20000])
def test_a_hit_has_the_number_of_its_line(before: int) -> None:
    scan = scanned(b"filler line\n" * before + b"would reformat a.py\n" + b"more\n" * 100)
    assert [(hit.number, hit.line) for hit in scan.hits] == [(before + 1, b"would reformat a.py")]


def test_the_surroundings_of_a_hit_cross_the_borders_of_blocks() -> None:
    text = b"".join(b"line %d\n" % n for n in range(1, 30001))
    for number in (5000, 5001, 6500, 12000):
        marked = text.replace(b"line %d\n" % number, b"would reformat a.py\n")
        hit = scanned(marked).hits[0]
        assert hit.number == number
        assert hit.window.at(number - 20) == b"line %d" % (number - 20)
        assert hit.window.at(number + 20) == b"line %d" % (number + 20)


def test_stamps_boms_colours_and_carriage_returns_come_off() -> None:
    lines = [
        b"\xef\xbb\xbf" + STAMP + b"a",
        STAMP + b"\x1b[31mb\x1b[0m\r",
        b"2026-08-17T13:15:44.1234567Z",
        b"10%\r50%\rdone",
    ]
    assert clean(lines) == [b"a", b"b", b"", b"10%\r50%\rdone"]


def test_a_state_of_a_progress_bar_is_a_line_of_its_own() -> None:
    assert scanned(b"10%\rwould reformat a.py\r20%\n").hits[0].line == b"would reformat a.py"


@pytest.mark.parametrize(
    "prefix",
    [
        b"build\tRun tests\t2026-08-17T13:15:44.1234567Z ",
        b"build\t2026-08-17T13:15:44.1234567Z ",
        b"#19 22.32 ",
        b"2.801 ",
        "[ci/build]   ❗  ::error::".encode(),
        b"[2026-08-17T13:15:44.123Z] ",
        b"web_1  | ",
        b"2026-08-17 13:15:44.123456 | node | ",
    ],
)
def test_what_other_systems_put_before_a_line_comes_off(prefix: bytes) -> None:
    assert [hit.rule.id for hit in scanned(b"x | y\n" + prefix + b"would reformat a.py\n").hits] == ["marker"]


def test_an_invalid_byte_hides_no_line() -> None:
    assert scanned(b"would reformat \xff\xfe.py\n").hits


def test_an_endless_line_is_cut_and_what_follows_is_read() -> None:
    scan = scanned(*[b"a" * 65536] * 40, b"\nwould reformat a.py\n")
    assert [hit.number for hit in scan.hits] == [2]


def test_of_many_hits_the_first_and_the_last_are_kept() -> None:
    log = b"".join(b"would reformat file%d.py\n" % n for n in range(200000))
    scan = scanned(log)
    assert len(scan.hits) < 3000
    assert scan.hits[0].number == 1
    assert scan.hits[-1].number == 200000


def test_a_step_in_the_middle_has_hits_of_its_own() -> None:
    noise = b"would reformat a.py\n" * 20000
    log = (
        noise + b"##[group]Run x\n##[endgroup]\nwould reformat wanted.py\n" + b"##[group]Run y\n##[endgroup]\n" + noise
    )
    assert any(hit.line == b"would reformat wanted.py" for hit in scanned(log).hits)


def test_memory_does_not_grow_with_the_log() -> None:
    piece = b"".join(STAMP + b"src/file%d.c:3:5: error: something went wrong here\n" % n for n in range(600))
    scanned(piece)
    tracemalloc.start()
    scanned(*[piece] * 20)
    small = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    scanned(*[piece] * 200)
    large = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert large - small < 4_000_000


def test_strip_stamps_keeps_lines_without_one() -> None:
    assert strip_stamps([b"plain line that is longer than a stamp", STAMP + b"x"]) == [
        b"plain line that is longer than a stamp",
        b"x",
    ]


def test_every_set_of_the_built_in_rules_finds_an_example_of_each_of_its_rules() -> None:
    builtin_rules().prove()


def test_the_sets_find_every_example_of_every_rule() -> None:
    rules = builtin_rules()
    missed = [
        (rules.rules[index].id, line)
        for indices, patterns in rules.sets
        for place, index in enumerate(indices)
        for line in rules.rules[index].matches
        if place not in patterns.match(line.encode())
    ]
    assert missed == []


def test_a_set_that_does_not_find_an_example_is_told() -> None:
    broken = PatternSet(["aa", "bb"], [b"aa", b"cc"])
    with pytest.raises(PatternError, match="bb: the set does not find its own sample"):
        broken.prove()
    with pytest.raises(PatternError, match="aa"):
        PatternSet(["aa"], [b"cc"])


@pytest.mark.parametrize(
    ("pattern", "shorter"),
    [
        (r"^error: (?P<message>.+)$", "^error: (?:.)"),
        (r"^[a-z]{2,40}:$", r"^[a-z]{2,40}:$"),
        (r"^(?P<message>\d+ errors?)$", r"^(?:\d+ errors?)$"),
        (r"^\s*\S.*not found(?: in .*)?$", "not found"),
        (r"^error: cannot format (?P<file>\S+): .*$", r"(?:^error: cannot format \S)"),
        (r"^(?P<message>error: (?:a new .+ b|.* is unknown))$", r"(?:(?:^error: a new .| is unknown))"),
        (r"^\S+ \w+$", r"^\S+ \w"),
        (r"(?i)^ab .* gone away$", r"(?i) gone away$"),
    ],
)
def test_a_candidate_leaves_out_what_only_reaches_for_the_end_of_a_line(pattern: str, shorter: str) -> None:
    assert candidate(pattern).pattern == shorter
