"""What CI systems add to a line and how to take it off; which lines belong to which step.

Sources: the runner's own code (actions/runner `Logging.cs`, `ExecutionContext.cs`) for timestamps, BOMs, `##[…]` tags
and the missing borders between steps; a job log is a plain concatenation of its steps' logs.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from classifiers.model import JobFacts, Step

LINE_LIMIT = 4096
"""Bytes of a line that are read; what goes beyond is machine output, never a message."""
STAMP_LENGTH = 29
"""`2026-08-17T13:15:44.1234567Z ` with its space."""
_BOM = b"\xef\xbb\xbf"
_ANSI = re.compile(
    rb"\x1b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[_PX^][^\x07\x1b\n]*(?:\x07|\x1b\\)?"
    rb"|[()][A-Z0-9]|[=>78cDEHMNOZ])?"
)
_STAMPS = (
    rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z(?: \d\d[OE]\+?)? ?"  # GitLab, other precisions
    rb"|\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z\] ?"  # Jenkins, Buildkite
    rb"|\[task \d{4}-\d\d-\d\dT[\d:.]+Z\] (?:\d\d:\d\d:\d\d +(?:INFO|WARNING|ERROR|CRITICAL|FATAL) - +)?"  # Taskcluster
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \| (?:[\w.-]+ \| )?"  # Zuul
    rb"|\[\d\d:\d\d:\d\d\] :?\t? *(?:\[[^\]\n]*\] )?"  # TeamCity and short clocks
    rb"|\[[^\]\n]{1,120}\] {1,4}(?:\xe2\x9d\x97 {1,3}|\| )(?:::error[^:\n]*::)?"  # act
)
_OTHER_STAMPS = re.compile(_STAMPS)
_TABBED_STAMPS = re.compile(
    rb"[^\t\n]{1,120}\t[^\t\n]{1,200}\t(?:\xef\xbb\xbf)?(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ?)?"
    rb"|[^\t\n]{1,120}\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ?|" + _STAMPS
)
"""With what `gh run view` prints besides: job, step and time, separated by tabs."""
_CARRIERS = re.compile(
    rb"(?:#\d+ (?:\d+\.\d+ )?|\d{1,4}\.\d{2,3} (?=[A-Za-z>\[])|[\w.-]+[_-]\d+ {1,40}\| ?|[a-z][\w.-]* +\| ?(?=\S)"
    rb"|::error[^:\n]*::"
    rb"|(?:\[(?:autobuild|build-std(?:out|err))\] ){1,2})"
)
"""BuildKit, docker compose, workflow commands, CodeQL's autobuild."""


_STARTS = frozenset(bytes((byte,)) for byte in b"#[:0123456789")
"""First bytes of such prefixes; a look at one byte saves a search in most lines."""
_LAST_WORDS = 6
"""Lines of a step after its last error that are still its last words."""
_ALWAYS = re.compile(
    r"(?i)upload|artifact|report|publish|results?\b|codecov|coveralls|coverage|notif|slack|clean|dump|\blogs?\b|cache"
    r"|summary|comment|always\(|failure\(|collect|debug|down\b|stop\b|teardown|status|post-|annotat|\becho\b|\bcat\b"
)
"""Steps that run after a failure as well (`if: always()`)."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A line that says where in the job we are."""

    kind: str
    """`run`, `error`, `exit`, `post`, `end`, `phase`."""
    number: int
    text: str
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of lines of one step: first and last line (1-based, inclusive), and what ran there."""

    first: int
    last: int
    command: str = ""
    name: str = ""
    failed: bool = False
    marked: bool = False
    """It holds an error mark, though it does not end in one."""
    certain: bool = False
    """The failing step was found by the steps' own times or names, not by the log alone."""

    def holds(self, line: int) -> bool:
        """Whether the line lies inside."""
        return self.first <= line <= self.last


def strip_stamps(lines: list[bytes]) -> list[bytes]:
    """The lines without the runner's timestamps. Fixed-width slices: regexps cost as much as matching."""
    return [line[STAMP_LENGTH:] if line[27:28] == b"Z" and line[10:11] == b"T" else line for line in lines]


def stamp_of(line: bytes) -> bytes:
    """The timestamp of a raw line to the second (`2026-08-17T13:15:44`), or nothing."""
    line = line.removeprefix(_BOM)
    return line[:19] if line[27:28] == b"Z" and line[10:11] == b"T" else b""


def clean(lines: list[bytes]) -> list[bytes]:
    """One cleaned line for each raw one: no timestamp, colour, carrier prefix or trailing CR.

    Several states of one terminal line (progress bars) stay in it, separated by CR.
    """
    if max(map(len, lines)) > LINE_LIMIT:
        lines = [_cut(line) if len(line) > LINE_LIMIT else line for line in lines]
    text = b"\n".join(lines)
    if _BOM in text:
        text = text.replace(_BOM, b"")
    if b"Z" in text:
        text = b"\n".join(strip_stamps(text.split(b"\n")))
    if b"\x1b" in text:
        text = _ANSI.sub(b"", text)
    if b"\x00" in text:
        text = text.replace(b"\x00", b"")
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").removesuffix(b"\r")
    lines = text.split(b"\n")
    if b"\t20" in text:
        return [_bare(line, _TABBED_STAMPS) for line in lines]
    if b"| " in text:
        return [
            _bare(line) if (line[:1] in _STARTS and line[:2] != b"##") or line.find(b"| ", 1, 44) > 0 else line
            for line in lines
        ]
    return [_bare(line) if line[:1] in _STARTS and line[:2] != b"##" else line for line in lines]


def _bare(line: bytes, stamps: re.Pattern[bytes] = _OTHER_STAMPS) -> bytes:
    """A line without what other systems and programs put before it."""
    stamp = stamps.match(line)
    if stamp:
        line = line[stamp.end() :]
    carrier = _CARRIERS.match(line)
    return line[carrier.end() :] if carrier else line


def _cut(line: bytes) -> bytes:
    """The head of a long line; of one with several terminal states also its end, where the result stands.

    No state loses its beginning: by its first characters a secret is known, and masked.
    """
    if b"\r" not in line:
        return line[:LINE_LIMIT]
    half = LINE_LIMIT // 2
    head = line[:half].rpartition(b"\r")[0] or line[:half]
    return head + b"\r" + whole_states(line, half)


def whole_states(line: bytes, size: int) -> bytes:
    """The terminal states that begin within the last bytes of a line; the last one's head where none does."""
    line = line.removesuffix(b"\r")
    states = line[-size:].partition(b"\r")[2]
    return states or line[line.rfind(b"\r") + 1 :][:size]


def step_bounds(step: Step) -> tuple[str, str] | None:
    """First and last second of a step as they stand in timestamps, or None where GitHub gave no times."""
    if step.started_at is None or step.completed_at is None:
        return None
    return _seconds(step.started_at), _seconds(step.completed_at + timedelta(seconds=1))


def failing_step(facts: JobFacts) -> Step | None:
    """The first step that failed; of a job cut off by its time limit, the one that was cancelled."""
    for conclusion in ("failure", "timed_out", "cancelled"):
        for step in sorted(facts.steps, key=lambda step: step.number):
            if step.conclusion == conclusion:
                return step
    return None


def in_post(step: Step | None) -> bool:
    """Whether the failing step is what an action does after the job: only then do post steps count."""
    return step is not None and step.name.startswith("Post ")


def segments(anchors: Sequence[Anchor], total: int, facts: JobFacts) -> list[Segment]:
    """The job's steps as far as its anchors tell, in order, the failing one marked; never empty."""
    parts = _parts(anchors, total)
    step = failing_step(facts)
    bounds = step_bounds(step) if step else None
    if step is not None and bounds is not None:
        marked = _by_time(parts, anchors, step, bounds)
        if marked is not None:
            return marked
    name = step.name if step else facts.step
    return _by_name(parts, name) or _by_errors(parts, anchors)


def _parts(anchors: Sequence[Anchor], total: int) -> list[Segment]:
    """Cuts the log at its `##[group]Run` lines; what follows the post steps is a part of its own."""
    borders = [anchor for anchor in anchors if anchor.kind in ("run", "post", "end")]
    first, command, found = 1, "", []
    for anchor in borders:
        if anchor.number > first:
            found.append(Segment(first, anchor.number - 1, command, _name(command)))
        first, command = anchor.number, anchor.text if anchor.kind == "run" else ""
    found.append(Segment(first, max(total, first), command, _name(command)))
    return found


def _name(command: str) -> str:
    return f"Run {command}" if command else ""


def _by_time(
    parts: list[Segment], anchors: Sequence[Anchor], step: Step, bounds: tuple[str, str]
) -> list[Segment] | None:
    stamps = {anchor.number: anchor.stamp[:19] for anchor in anchors if anchor.stamp}
    inside = [
        index
        for index, part in enumerate(parts)
        if (part.command or in_post(step)) and bounds[0] <= stamps.get(part.first, "") <= bounds[1]
    ]
    if not inside:
        return None
    named = [index for index in inside if _same_name(parts[index].name, step.name)]
    errors = [anchor.number for anchor in anchors if anchor.kind in ("error", "exit")]
    failing = set(named or [index for index in inside if _within(errors, parts[index])] or inside)
    return [_marked(part, step.name, index in failing) for index, part in enumerate(parts)]


def _marked(part: Segment, name: str, failed: bool) -> Segment:
    if not failed:
        return part
    return Segment(part.first, part.last, part.command, name, failed=True, certain=True)


def _within(numbers: Sequence[int], part: Segment) -> Sequence[int]:
    """Those of the sorted numbers that lie in a part."""
    return numbers[bisect_left(numbers, part.first) : bisect_right(numbers, part.last)]


def _by_name(parts: list[Segment], name: str) -> list[Segment] | None:
    found = [index for index, part in enumerate(parts) if name and _same_name(part.name, name)]
    if not found:
        return None
    return [_marked(part, name, index in found) for index, part in enumerate(parts)]


def _same_name(title: str, name: str) -> bool:
    return bool(title) and (title == name or title.removeprefix("Run ") == name)


def _by_errors(parts: list[Segment], anchors: Sequence[Anchor]) -> list[Segment]:
    """Without the steps' times: parts that end in an exit code or a `##[error]`; failing that, that hold one."""
    over = next((anchor.number for anchor in anchors if anchor.kind in ("post", "end")), sys.maxsize)
    exits = [anchor.number for anchor in anchors if anchor.kind == "exit" and anchor.number < over]
    errors = [anchor.number for anchor in anchors if anchor.kind == "error" and anchor.number < over]
    ending = [bool(_within(exits, part) or _ends_in(errors, part)) for part in parts]
    failed = ending if any(ending) else [bool(_within(errors, part)) for part in parts]
    failed = [bad and not _gone_on(parts, failed, index) for index, bad in enumerate(failed)]
    return [
        replace(part, failed=bad, marked=bool(_within(errors, part))) for part, bad in zip(parts, failed, strict=True)
    ]


def _ends_in(errors: Sequence[int], part: Segment) -> bool:
    """A node action prints its error last, and no exit code."""
    within = _within(errors, part)
    return bool(within) and part.last - within[-1] <= _LAST_WORDS


def _gone_on(parts: list[Segment], failed: list[bool], index: int) -> bool:
    """The job tolerated this failure: an ordinary step ran after it, and a later one failed."""
    later = [number for number in range(index + 1, len(parts)) if failed[number]]
    return bool(later) and any(
        parts[number].command and not _ALWAYS.search(parts[number].command)
        for number in range(index + 1, later[-1] + 1)
    )


def _seconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
