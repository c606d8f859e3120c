"""Reads a log of any size in bounded memory: `feed(bytes)` as often as needed, then `result()`.

One pass: blocks of 64 KB are cut at their last newline, cleaned, and searched in chunks of about 1 KB; a chunk's hits
are candidates, confirmed on the single line. Of each rule the first and the last hits of a step are kept, so that a
log made of near misses costs no more than any other.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from classifiers.chunks import AFTER, MARK, NOTHING, Block, Chunk, Window
from classifiers.engine import Match
from classifiers.joblog import LINE_LIMIT, Anchor, clean, failing_step, in_post, step_bounds, whole_states
from classifiers.model import JobFacts
from classifiers.own_rules import OwnSearch, prepared
from classifiers.rules import Rule, RuleSet

BLOCK = 64 << 10
CHUNK = 1000
FIRST_HITS, LAST_HITS = 30, 15
"""Chunks of one rule that are confirmed at once, and those at the end of a step that are confirmed afterwards."""
MISSES = 300
"""Chunks of a step in which a rule was a candidate for nothing before they count as its hits do."""
MAX_HITS = 4000
OWN_HITS = 100
"""First and last hits of a repository's own rules that are kept, together twice as many."""
MAX_STEPS = 48
MAX_ANCHORS = 1000
ECHO_LIMIT = 400
"""Longest script echo in lines; a group that never ends is a cut log."""
TAIL = 160


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
    head: Window = NOTHING
    tail: Window = NOTHING
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
    (b"Error: Process completed with exit code", "shown"),
    (b"Post job cleanup.", "post"),
    (b"Cleaning up orphan processes", "end"),
    (b"Complete job name: ", "job"),
)
_BORDERS = tuple(text for text, kind in _ANCHORS if kind in ("run", "post", "end"))
_FIRST_UNDIVIDED = (b"##[error]", b"Error: Process", b"Post job", b"Cleaning up", b"Complete job")
_FIRST = (b"##[", *_FIRST_UNDIVIDED)
_SIGN_TEXTS = tuple(text for text, _ in _ANCHORS)
_SIGNS = re.compile(b"|".join(b"(?P<%s>%s)" % (kind.encode(), re.escape(text)) for text, kind in _ANCHORS))


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
            data = data[:LINE_LIMIT] + b"\r" + whole_states(data, LINE_LIMIT)
        self._parts, self._held = [data], len(data)

    def _scan(self, raw: list[bytes], *, final: bool) -> None:
        lines = self._waiting + (clean(raw) if raw else [])
        raw = self._raw + raw
        ready = len(lines) if final else max(0, len(lines) - AFTER)
        if ready:
            offset = len(self._before)
            block = Block(self._number - offset, self._before + lines, offset, ready, raw)
            self._search(block)
            if len(self._head) < TAIL:
                self._head += lines[: TAIL - len(self._head)]
            self._before = block.lines[: offset + ready][-TAIL:]
            self._number += ready
        self._waiting, self._raw = lines[ready:], raw[ready:]

    def _search(self, block: Block) -> None:
        text = b"\n".join(block.lines[block.offset : block.offset + block.ready])
        position, index, found = 0, block.offset, self._found
        there = [sign for sign in _SIGN_TEXTS if sign in text]
        while position < len(text):
            end = text.find(b"\n", position + CHUNK)
            part = text[position:end] if end >= 0 else text[position:]
            count = part.count(b"\n") + 1
            signs = any(sign in part for sign in there)
            reading = signs or index - block.offset + self._number > found.echo_end
            rules = self._candidates(part)
            own = self._own.candidates(part) if self._own is not None and reading else []
            if rules or own or signs:
                whole = block.chunk(index, count)
                several = signs and found.dividing and any(border in part for border in _BORDERS)
                for chunk in whole.divided(_BORDERS) if several else (whole,):
                    found.take(chunk, rules, own, signs=signs)
            position += len(part) + 1
            index += count

    def _candidates(self, part: bytes) -> list[int]:
        if b"\r" in part:
            part = part.replace(b"\r", b"\n")
        if MARK in part:
            part = part + (b"\n" + part).replace(b"\n" + MARK, b"\n")
        return [rules[index] for rules, patterns in self._sets for index in patterns.match(part)]


def _unmarked(rule: Rule, line: bytes) -> Match | None:
    """The match in what a problem matcher repeated: it puts its mark before a tool's own line."""
    return rule.search(line.removeprefix(MARK)) if line.startswith(MARK) and not rule.generic else None


class _Found:
    """What was kept so far, and where in the job the scan stands."""

    def __init__(self, rules: Sequence[Rule], facts: JobFacts, own: OwnSearch | None) -> None:
        self._rules = rules
        self._own = own
        self._own_first: list[Hit] = []
        self._own_last: deque[Hit] = deque(maxlen=OWN_HITS)
        step = failing_step(facts)
        self._bounds = step_bounds(step) if step else None
        self.echo_end = 0
        """Number of the last line that may still be script echo, which is no output of the job's own."""
        self._post = False
        self._post_counts = in_post(step)
        self._job = ""
        self._names: tuple[str, str] | None = None
        self._steps = 0
        self._tries: Counter[int] = Counter()
        self._misses: Counter[int] = Counter()
        self._echo_tries: Counter[int] = Counter()
        self._late: defaultdict[int, deque[Chunk]] = defaultdict(lambda: deque(maxlen=LAST_HITS))
        self._hits: list[Hit] = []
        self._echo: list[Hit] = []
        """Hits in what may be script echo: none where its end comes, the job's own output where the log is cut."""
        self._counts: Counter[int] = Counter()
        self._borders: list[Anchor] = []
        self._errors: list[Anchor] = []
        self._last_errors: deque[tuple[str, int]] = deque(maxlen=MAX_ANCHORS)

    @property
    def dividing(self) -> bool:
        """Whether borders of steps still count; a log with more of them than any job has is read as one step."""
        return len(self._borders) < MAX_ANCHORS

    def take(self, chunk: Chunk, candidates: list[int], own: list[int], *, signs: bool) -> None:
        """Follows the anchors of a chunk line by line and confirms its candidates, built-in and own ones."""
        if signs:
            self._follow(chunk, 0, chunk.lines[0])
        places = self._places(chunk, candidates)
        first = _FIRST if self.dividing else _FIRST_UNDIVIDED
        signed = {place for place, line in enumerate(chunk.lines) if line.startswith(first)} if signs else set()
        for place in range(len(chunk.lines)) if own else sorted(signed.union(places)):
            line = chunk.lines[place]
            if place and place in signed:
                self._follow(chunk, place, line)
            for index in places.get(place, ()):
                self._confirm(index, chunk, place, line)
            for index in own if chunk.first + place > self.echo_end else ():
                self._confirm_own(index, chunk, place, line)

    def _places(self, chunk: Chunk, candidates: list[int]) -> dict[int, list[int]]:
        """By line of the chunk, the rules to be confirmed there now; those over their share are kept for later."""
        places: dict[int, list[int]] = {}
        echoed = chunk.first + len(chunk.lines) <= self.echo_end and b"##[endgroup]" not in chunk.lines
        for index in candidates:
            if echoed:
                self._echo_tries[index] += 1
                for place in chunk.places(self._rules[index]) if self._echo_tries[index] <= FIRST_HITS else ():
                    places.setdefault(place, []).append(index)
                continue
            if self._tries[index] >= FIRST_HITS or len(self._hits) >= MAX_HITS:
                self._counts[index] += 1
                if chunk.first > self.echo_end:
                    chunk.window  # noqa: B018 - lets go of the block
                    self._late[index].append(chunk)
                continue
            found = chunk.places(self._rules[index])
            self._misses[index] += not found
            if found or self._misses[index] > MISSES:
                self._counts[index] += 1
                self._tries[index] += 1
            for place in found:
                places.setdefault(place, []).append(index)
        return places

    def scan(self, head: Window, tail: Window, lines: int, size: int) -> Scan:
        """Everything kept, in the order of the log."""
        self._end_step(last=True)
        self._no_echo()
        late = (Anchor(kind, number, "") for kind, number in self._last_errors)
        anchors = sorted((*self._borders, *self._errors, *late), key=lambda anchor: anchor.number)
        hits = {(hit.number, hit.rule.id): hit for hit in self._hits}
        counts = {self._rules[index].id: count for index, count in self._counts.items()}
        ordered = tuple(sorted(hits.values(), key=lambda hit: hit.number))
        own = tuple(sorted((*self._own_first, *self._own_last), key=lambda hit: hit.number))
        cut = self._own is not None and self._own.exhausted
        job, step = self._names or ("", "")
        return Scan(ordered, tuple(anchors), counts, head, tail, lines, size, self._job or job, step, own, cut)

    def _confirm(self, index: int, chunk: Chunk, place: int, line: bytes) -> None:
        rule = self._rules[index]
        if self._post and not rule.anywhere:
            return
        for state in line.split(b"\r") if b"\r" in line else (line,):
            match = rule.search(state) or _unmarked(rule, state)
            if match:
                number = chunk.first + place
                kept = self._echo if number <= self.echo_end else self._hits
                kept.append(Hit(rule, number, state, match, chunk.window))
                return

    def _confirm_own(self, index: int, chunk: Chunk, place: int, line: bytes) -> None:
        if self._post or self._own is None:
            return
        state = line.rpartition(b"\r")[2]
        found = self._own.search(index, state)
        if found is not None:
            rule, match = found
            kept = self._own_first if len(self._own_first) < OWN_HITS else self._own_last
            kept.append(Hit(rule, chunk.first + place, state, match, chunk.window))

    def _follow(self, chunk: Chunk, place: int, line: bytes) -> None:
        sign = _SIGNS.match(line)
        kind = sign.lastgroup if sign is not None else None
        number = chunk.first + place
        if kind == "endgroup":
            self.echo_end = 0
            self._echo.clear()
        elif kind in ("error", "exit", "shown"):
            self._no_echo()
            kind = "exit" if kind == "shown" else kind
            if len(self._errors) < MAX_ANCHORS:
                self._errors.append(Anchor(kind, number, ""))
                self._names = chunk.names(place) or self._names
            else:
                self._last_errors.append((kind, number))
        elif kind == "job":
            self._job = line.decode("utf-8", "replace").removeprefix("Complete job name: ").strip()
        elif kind:
            self._no_echo()
            self._post = self._post or (kind == "post" and not self._post_counts)
            self.echo_end = number + ECHO_LIMIT - 1 if kind == "run" else 0
            if len(self._borders) < MAX_ANCHORS:
                text = line.decode("utf-8", "replace").removeprefix("##[group]Run ")
                self._border(Anchor(kind, number, text[:300], chunk.stamp(place)))

    def _no_echo(self) -> None:
        """A group that has no end was cut out of its log: what seemed to be echo is output."""
        self.echo_end = 0
        self._hits += self._echo
        self._echo.clear()

    def _border(self, anchor: Anchor) -> None:
        self._borders.append(anchor)
        self._end_step(last=False)
        inside = self._bounds is not None and self._bounds[0] <= anchor.stamp <= self._bounds[1]
        self._steps += 1
        if self._steps < MAX_STEPS or inside:
            self._tries.clear()
            self._misses.clear()
            self._echo_tries.clear()

    def _end_step(self, *, last: bool) -> None:
        """Confirms the last chunks of every rule that had more than its share in this step."""
        for index, chunks in self._late.items():
            before = len(self._hits)
            if not last and before > 2 * MAX_HITS:
                break
            for chunk in chunks:
                for place in chunk.places(self._rules[index]):
                    self._confirm(index, chunk, place, chunk.lines[place])
            del self._hits[before:-LAST_HITS]
        self._late.clear()
