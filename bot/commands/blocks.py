"""Which lines of a comment are text: no code, quote, HTML comment or preformatted HTML.

The part of CommonMark that decides this: one pass over the lines, one over each paragraph. Where the two
differ (HTML inside lists and quotes), a line is left out rather than taken for text.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_LIST_ITEM = re.compile(r"(?: {0,3}(?:[-*+]|[0-9]{1,9}[.)])(?:[ \t]+|$))+")
_INTERRUPTING_ITEM = re.compile(r" {0,3}(?:[-*+]|0{0,8}1[.)])[ \t]+[^ \t]")
"""Only an item that is not empty, and begins a list, ends the paragraph before it."""
_QUOTE = re.compile(r"(?: {0,3}>[ \t]?)+")
_HEADING_OR_RULE = re.compile(r" {0,3}(?:#{1,6}(?:[ \t]|$)|(?:\*[ \t]*){3,}$|(?:_[ \t]*){3,}$|(?:-[ \t]*){3,}$)")
_PREFORMATTED = re.compile(r" {0,3}<(?:pre|script|style|textarea)(?:[\s>]|$)", re.IGNORECASE)
_PREFORMATTED_END = re.compile(r"</(?:pre|script|style|textarea)>", re.IGNORECASE)
_COMMENT = re.compile(r" {0,3}<!--")
_COMMENT_END = re.compile("-->")
_INLINE_COMMENT_END = re.compile("(?<!-)-->")
"""Parsers disagree on `--->`: what one of them hides is no command."""
_INDENTED = re.compile(r"(?: {0,3}\t| {4})")
_INLINE = re.compile(r"\\.|`+|<!--", re.DOTALL)
_TICKS = re.compile("`+")


@dataclass(slots=True)
class _State:
    """Where the pass over the lines stands."""

    paragraph: list[str] = field(default_factory=list)
    fence: str = ""
    """The opening run of the fence we are in."""
    indent: int = 0
    """Where the list item that holds the fence begins; a line left of it ends the item and the fence."""
    html_end: re.Pattern[str] | None = None
    """What ends the HTML block we are in."""
    quote: bool = False
    """The last line was a paragraph's in a quote: an unmarked line of text would continue it."""
    quote_fence: str = ""


def text_lines(body: str) -> Iterator[str]:
    """The lines that are ordinary text, in order; CR and CRLF end lines as LF does."""
    state = _State()
    for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if _in_block(state, line) or _lazy(state, line):
            continue
        starts = _opens_quote(state, line) or _opens_block(state, line)
        if starts or not line.strip() or _HEADING_OR_RULE.match(line) or _INTERRUPTING_ITEM.match(line):
            yield from _text_of(state.paragraph)
            state.paragraph = []
        if not starts and (state.paragraph or not _INDENTED.match(line)):
            state.paragraph.append(line)
    yield from _text_of(state.paragraph)


def _in_block(state: _State, line: str) -> bool:
    if state.fence:
        if line.strip() and _indent(line) < state.indent:
            state.fence = ""
            return False
        if _closes(line[state.indent :], state.fence):
            state.fence = ""
        return True
    if state.html_end:
        if state.html_end.search(line):
            state.html_end = None
        return True
    return False


def _lazy(state: _State, line: str) -> bool:
    """Whether the line continues a quote's paragraph without its mark."""
    if not state.quote or _QUOTE.match(line):
        return False
    other = (_FENCE, _INTERRUPTING_ITEM, _HEADING_OR_RULE, _PREFORMATTED, _COMMENT)
    state.quote = bool(line.strip()) and not any(start.match(line) for start in other)
    return state.quote


def _opens_quote(state: _State, line: str) -> bool:
    item = _LIST_ITEM.match(line)
    marks = _QUOTE.match(line, item.end() if item else 0)
    if item or not marks:
        state.quote_fence = ""
    if not marks:
        return False
    inner = line[marks.end() :]
    fence = _FENCE.match(inner)
    if state.quote_fence:
        state.quote = False
        if _closes(inner, state.quote_fence):
            state.quote_fence = ""
    elif fence:
        state.quote, state.quote_fence = False, fence[1]
    else:
        code = not state.quote and inner.startswith("    ")
        state.quote = bool(inner.strip()) and not code and not _HEADING_OR_RULE.match(inner)
    return True


def _opens_block(state: _State, line: str) -> bool:
    item = _LIST_ITEM.match(line)
    indent = item.end() if item else 0
    if fence := _FENCE.match(line[indent:]):
        state.fence, state.indent = fence[1], indent
        return True
    if opened := _COMMENT.match(line):
        state.html_end = None if _COMMENT_END.search(line, opened.end() - 2) else _COMMENT_END
        return True
    if _PREFORMATTED.match(line):
        state.html_end = None if _PREFORMATTED_END.search(line) else _PREFORMATTED_END
        return True
    return False


def _indent(line: str) -> int:
    return len(line[: len(line) - len(line.lstrip(" \t"))].expandtabs(4))


def _closes(line: str, fence: str) -> bool:
    run = line.strip(" \t")
    return len(run) >= len(fence) and run.strip(fence[0]) == "" and _indent(line) <= 3


def _text_of(paragraph: list[str]) -> Iterator[str]:
    """The lines of a paragraph that do not begin inside a code span or an HTML comment."""
    hidden = _hidden("\n".join(paragraph))
    span = next(hidden, None)
    at = 0
    for line in paragraph:
        while span and span[1] <= at:
            span = next(hidden, None)
        if not (span and span[0] < at):
            yield line
        at += len(line) + 1


def _hidden(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each code span and HTML comment of a paragraph, in order."""
    runs: dict[int, list[int]] = defaultdict(list)
    for run in _TICKS.finditer(text):
        runs[len(run[0])].append(run.start())
    at = 0
    while found := _INLINE.search(text, at):
        start, at = found.span()
        if found[0][0] == "\\":
            continue
        if found[0] == "<!--":
            closing = _INLINE_COMMENT_END.search(text, start + 4)
            end = closing.end() if closing else len(text)
        else:
            same = runs[len(found[0])]
            closer = bisect_left(same, at)
            end = same[closer] + len(found[0]) if closer < len(same) else 0
        if end:
            yield start, end
            at = end
