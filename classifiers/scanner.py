"""Reads a log of any size in bounded memory: `feed(bytes)` as often as needed, then `result()`.

One pass: blocks of 64 KB are cut at their last newline, cleaned, and searched in chunks of about 1 KB; a chunk's hits
are candidates, confirmed on the single line. Of each rule the first and the last hits of a step are kept, so that a
log made of near misses costs no more than any other.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from classifiers.engine import Match
from classifiers.joblog import LINE_LIMIT, Anchor, clean, failing_step, in_post, stamp_of, step_bounds
from classifiers.model import JobFacts
from classifiers.own_rules import OwnSearch, prepared
from classifiers.rules import Rule, RuleSet

BLOCK = 64 << 10
CHUNK = 1000
BEFORE, AFTER = 40, 30
"""Lines kept around a hit, for its excerpt and for locations that stand on another line."""
FIRST_HITS, LAST_HITS = 30, 15
"""Chunks of one rule that are confirmed at once, and those at the end of a step that are confirmed afterwards."""
MAX_HITS = 4000
OWN_HITS = 100
"""First and last hits of a repository's own rules that are kept, together twice as many."""
MAX_STEPS = 48
MAX_ANCHORS = 1000
ECHO_LIMIT = 400
"""Longest script echo in lines; a group that never ends is a cut log."""
TAIL = 160


@dataclass(frozen=True, slots=True)
class Window:
    """Cleaned lines around a hit; `first` is the 1-based number of the first of them."""

    first: int
    lines: tuple[bytes, ...]

    def at(self, number: int) -> bytes | None:
        """The line of that number, where the window holds it."""
        index = number - self.first
        return self.lines[index] if 0 <= index < len(self.lines) else None


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that a rule matched."""

    rule: Rule
    number: int
    line: bytes
    match: Match
    window: Window


@dataclass(frozen=True, slots=True)
class Scan:
    """What is kept of a log."""

    hits: tuple[Hit, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    """Chunks in which each rule was a candidate."""
    head: Window = Window(1, ())
    tail: Window = Window(1, ())
    lines: int = 0
    size: int = 0
    job: str = ""
    """The job's name as the runner or `gh run view` prints it; the caller's own facts go over it."""
    step: str = ""
    """The failing step's name, where `gh run view` put it before the line that ends it."""
    own: tuple[Hit, ...] = ()
    """Hits of the repository's own rules, in the order of the log."""
    own_cut: bool = False
    """The own rules used up their time before the end of the log."""


_ANCHORS: tuple[tuple[bytes, str], ...] = (
    (b"##[group]Run ", "run"),
    (b"##[endgroup]", "endgroup"),
    (b"##[error]Process completed with exit code", "exit"),
    (b"##[error]", "error"),
    (b"Post job cleanup.", "post"),
    (b"Cleaning up orphan processes", "end"),
    (b"Complete job name: ", "job"),
)
_MARK = b"##[error]"
_NAMES = re.compile(rb"([^\t\n]{1,120})\t([^\t\n]{1,200})\t(?:\xef\xbb\xbf)?\d{4}-\d\d-\d\dT")
_BORDERS = tuple(text for text, kind in _ANCHORS if kind in ("run", "post", "end"))
_FIRST = (b"##[", b"Post job", b"Cleaning up", b"Complete job")
_SIGN_TEXTS = tuple(text for text, _ in _ANCHORS)
_SIGNS = re.compile(b"|".join(b"(?P<%s>%s)" % (kind.encode(), re.escape(text)) for text, kind in _ANCHORS))


@dataclass(slots=True)
class _Block:
    """Lines in memory: `lines[offset:offset + ready]` are to be scanned now, the others are surroundings."""

    first: int
    """Number of `lines[0]`."""
    lines: list[bytes]
    offset: int
    ready: int
    raw: list[bytes]
    """Raw lines of `lines[offset:]`."""

    def window(self, index: int, count: int = 1) -> Window:
        start = max(0, index - BEFORE)
        return Window(self.first + start, tuple(self.lines[start : index + count + AFTER]))

    def chunk(self, index: int, count: int) -> _Chunk:
        lines = self.lines[index : index + count]
        place = index - self.offset
        raw = self.raw[max(0, place - BEFORE) : place + count]
        return _Chunk(self.first + index, lines, raw, self)


@dataclass(slots=True)
class _Chunk:
    """About 1 KB of lines in which some rules may match. `first` is the number of its first line."""

    first: int
    lines: list[bytes]
    raw: list[bytes]
    """Raw lines up to the last of `lines`, for their timestamps."""
    block: _Block | None
    surroundings: Window | None = None

    @property
    def window(self) -> Window:
        """The lines around; made when a hit or a wait needs it, because it lets go of the block."""
        if self.surroundings is None and self.block is not None:
            self.surroundings = self.block.window(self.first - self.block.first, len(self.lines))
            self.block = None
        return self.surroundings or Window(self.first, ())

    def stamp(self, place: int) -> str:
        """Of the line or the nearest before it: a message of several lines has one stamp."""
        for raw in self.raw[: len(self.raw) - len(self.lines) + place + 1][::-1]:
            stamp = stamp_of(raw)
            if stamp:
                return stamp.decode()
        return ""

    def names(self, place: int) -> tuple[str, str] | None:
        """Job and step of the line, where `gh run view` put them before it."""
        found = _NAMES.match(self.raw[len(self.raw) - len(self.lines) + place])
        job, step = (name.decode("utf-8", "replace") for name in found.groups()) if found else ("", "")
        return (job, "" if step == "UNKNOWN STEP" else step) if found else None

    def divided(self) -> Iterable[_Chunk]:
        """The chunk cut at the borders of steps, so that no part belongs to two of them."""
        borders = [place for place, line in enumerate(self.lines) if place and line.startswith(_BORDERS)]
        for start, end in pairwise((0, *borders, len(self.lines))):
            raw = self.raw[: len(self.raw) - (len(self.lines) - end)]
            yield _Chunk(self.first + start, self.lines[start:end], raw, self.block)


class Scanner:
    """Sans-I/O: the caller owns the stream. `facts` tell when the failing step ran, where that is known.

    `clock` (seconds) is what the budget of a repository's own rules is measured by; without one it has no end.
    """

    def __init__(self, rules: RuleSet, facts: JobFacts, *, clock: Callable[[], float] | None = None) -> None:
        self._sets = rules.sets
        self._own = OwnSearch(prepared(facts.own_rules), clock) if facts.own_rules else None
        self._found = _Found(rules.rules, facts, self._own)
        self._parts: list[bytes] = []
        self._held = 0
        self._size = 0
        self._number = 1
        """Number of the first line that was not scanned yet."""
        self._before: list[bytes] = []
        self._waiting: list[bytes] = []
        self._raw: list[bytes] = []
        self._head: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of the log, cut anywhere."""
        self._size += len(data)
        for start in range(0, len(data), BLOCK):
            piece = data[start : start + BLOCK]
            self._parts.append(piece)
            self._held += len(piece)
            if self._held >= BLOCK:
                self._take()

    def result(self) -> Scan:
        """What was found; ends the scan."""
        rest = b"".join(self._parts)
        self._parts, self._held = [], 0
        self._scan(rest.split(b"\n") if rest else [], final=True)
        tail = Window(self._number - len(self._before), tuple(self._before))
        return self._found.scan(Window(1, tuple(self._head)), tail, self._number - 1, self._size)

    def _take(self) -> None:
        data = b"".join(self._parts)
        cut = data.rfind(b"\n")
        if cut >= 0:
            self._scan(data[:cut].split(b"\n"), final=False)
            data = data[cut + 1 :]
        elif len(data) > 2 * LINE_LIMIT:  # an endless line: its head and its end are all that is kept
            data = data[:LINE_LIMIT] + b"\r" + data[-LINE_LIMIT:]
        self._parts, self._held = [data], len(data)

    def _scan(self, raw: list[bytes], *, final: bool) -> None:
        lines = self._waiting + (clean(raw) if raw else [])
        raw = self._raw + raw
        ready = len(lines) if final else max(0, len(lines) - AFTER)
        if ready:
            offset = len(self._before)
            block = _Block(self._number - offset, self._before + lines, offset, ready, raw)
            self._search(block)
            if len(self._head) < TAIL:
                self._head += lines[: TAIL - len(self._head)]
            self._before = block.lines[: offset + ready][-TAIL:]
            self._number += ready
        self._waiting, self._raw = lines[ready:], raw[ready:]

    def _search(self, block: _Block) -> None:
        text = b"\n".join(block.lines[block.offset : block.offset + block.ready])
        position, index, found = 0, block.offset, self._found
        while position < len(text):
            end = text.find(b"\n", position + CHUNK)
            part = text[position:end] if end >= 0 else text[position:]
            count = part.count(b"\n") + 1
            signs = any(text in part for text in _SIGN_TEXTS)
            reading = signs or not found.skipping
            rules = self._candidates(part) if reading else []
            own = self._own.candidates(part) if self._own is not None and reading else []
            if rules or own or signs:
                whole = block.chunk(index, count)
                several = signs and found.dividing and any(text in part for text in _BORDERS)
                for chunk in whole.divided() if several else (whole,):
                    found.take(chunk, rules, own, signs=signs)
            else:
                found.echo = max(0, found.echo - count)
            position += len(part) + 1
            index += count

    def _candidates(self, part: bytes) -> list[int]:
        if b"\r" in part:
            part = part.replace(b"\r", b"\n")
        if _MARK in part:
            part = b"\n".join((part, *(line[len(_MARK) :] for line in part.split(b"\n") if line.startswith(_MARK))))
        return [start + index for start, patterns in self._sets for index in patterns.match(part)]


def _unmarked(rule: Rule, line: bytes) -> Match | None:
    """The match in what a problem matcher repeated: it puts its mark before a tool's own line."""
    return rule.search(line.removeprefix(_MARK)) if line.startswith(_MARK) and not rule.generic else None


class _Found:
    """What was kept so far, and where in the job the scan stands."""

    def __init__(self, rules: Sequence[Rule], facts: JobFacts, own: OwnSearch | None) -> None:
        self._rules = rules
        self._own = own
        self._own_first: list[Hit] = []
        self._own_last: deque[Hit] = deque(maxlen=OWN_HITS)
        step = failing_step(facts)
        self._bounds = step_bounds(step) if step else None
        self.echo = 0
        """Lines of script echo that may still come; 0 outside of it."""
        self._post = False
        self._post_counts = in_post(step)
        self._job = ""
        self._names: tuple[str, str] | None = None
        self._steps = 0
        self._tries: Counter[int] = Counter()
        self._late: dict[int, deque[_Chunk]] = {}
        self._hits: list[Hit] = []
        self._counts: Counter[int] = Counter()
        self._borders: list[Anchor] = []
        self._errors: list[Anchor] = []
        self._last_errors: deque[Anchor] = deque(maxlen=MAX_ANCHORS)

    @property
    def dividing(self) -> bool:
        """Whether borders of steps still count; a log with more of them than any job has is read as one step."""
        return len(self._borders) < MAX_ANCHORS

    @property
    def skipping(self) -> bool:
        """Whether lines here are no output of the job's own: script echo."""
        return self.echo > 0

    def take(self, chunk: _Chunk, candidates: list[int], own: list[int], *, signs: bool) -> None:
        """Follows the anchors of a chunk line by line and confirms its candidates, built-in and own ones."""
        if signs:
            self._follow(chunk, 0, chunk.lines[0])
        now = [index for index in candidates if self._at_once(index)]
        for index in set(candidates) - set(now):
            if not self.echo:
                chunk.window  # noqa: B018 - lets go of the block
                self._late.setdefault(index, deque(maxlen=LAST_HITS)).append(chunk)
        for place, line in enumerate(chunk.lines):
            if signs and place and line.startswith(_FIRST):
                self._follow(chunk, place, line)
            if self.echo:
                self.echo -= 1
                continue
            for index in now:
                self._confirm(index, chunk, place, line)
            for index in own:
                self._confirm_own(index, chunk, place, line)

    def scan(self, head: Window, tail: Window, lines: int, size: int) -> Scan:
        """Everything kept, in the order of the log."""
        self._end_step(last=True)
        anchors = sorted((*self._borders, *self._errors, *self._last_errors), key=lambda anchor: anchor.number)
        hits = {(hit.number, hit.rule.id): hit for hit in self._hits}
        counts = {self._rules[index].id: count for index, count in self._counts.items()}
        ordered = tuple(sorted(hits.values(), key=lambda hit: hit.number))
        own = tuple(sorted((*self._own_first, *self._own_last), key=lambda hit: hit.number))
        cut = self._own is not None and self._own.exhausted
        job, step = self._names or ("", "")
        return Scan(ordered, tuple(anchors), counts, head, tail, lines, size, self._job or job, step, own, cut)

    def _at_once(self, index: int) -> bool:
        self._counts[index] += 1
        self._tries[index] += 1
        return self._tries[index] <= FIRST_HITS and len(self._hits) < MAX_HITS

    def _confirm(self, index: int, chunk: _Chunk, place: int, line: bytes) -> bool:
        rule = self._rules[index]
        if self._post and not rule.anywhere:
            return False
        for state in line.split(b"\r") if b"\r" in line else (line,):
            match = rule.search(state) or _unmarked(rule, state)
            if match:
                self._hits.append(Hit(rule, chunk.first + place, state, match, chunk.window))
                return True
        return False

    def _confirm_own(self, index: int, chunk: _Chunk, place: int, line: bytes) -> None:
        if self._post or self._own is None:
            return
        state = line.rpartition(b"\r")[2]
        found = self._own.search(index, state)
        if found is not None:
            rule, match = found
            kept = self._own_first if len(self._own_first) < OWN_HITS else self._own_last
            kept.append(Hit(rule, chunk.first + place, state, match, chunk.window))

    def _follow(self, chunk: _Chunk, place: int, line: bytes) -> None:
        sign = _SIGNS.match(line)
        kind = sign.lastgroup if sign is not None else None
        number = chunk.first + place
        if kind == "endgroup":
            self.echo = 0
        elif kind in ("error", "exit"):
            early = len(self._errors) < MAX_ANCHORS
            (self._errors if early else self._last_errors).append(Anchor(kind, number, ""))
            if early:
                self._names = chunk.names(place) or self._names
        elif kind == "job":
            self._job = line.decode("utf-8", "replace").removeprefix("Complete job name: ").strip()
        elif kind:
            self._post = self._post or (kind == "post" and not self._post_counts)
            self.echo = ECHO_LIMIT if kind == "run" else 0
            if len(self._borders) < MAX_ANCHORS:
                text = line.decode("utf-8", "replace").removeprefix("##[group]Run ")
                self._border(Anchor(kind, number, text[:300], chunk.stamp(place)))

    def _border(self, anchor: Anchor) -> None:
        self._borders.append(anchor)
        self._end_step(last=False)
        inside = self._bounds is not None and self._bounds[0] <= anchor.stamp <= self._bounds[1]
        self._steps += 1
        if self._steps < MAX_STEPS or inside:
            self._tries.clear()

    def _end_step(self, *, last: bool) -> None:
        """Confirms the last chunks of every rule that had more than its share in this step."""
        for index, chunks in self._late.items():
            before = len(self._hits)
            if not last and before > 2 * MAX_HITS:
                break
            for chunk in chunks:
                for place, line in enumerate(chunk.lines):
                    self._confirm(index, chunk, place, line)
            del self._hits[before:-LAST_HITS]
        self._late.clear()
