"""Finds commands in a comment: `/pipeline NAME …` at the start of a line of plain text, nowhere else.

Follows the blocks of CommonMark as far as they decide what is text: fences, quotes with their lazy
continuation, HTML comments and preformatted HTML, code spans. Time grows with the comment's size, no faster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.commands.blocks import text_lines
from bot.commands.spec import Invocation

_COMMAND = re.compile(r"/pipeline(?:[ \t]+(.*))?", re.IGNORECASE)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’"}
_OPTION = re.compile(r"(?:--|—)([A-Za-z][\w-]*)(?:=(.*))?", re.DOTALL)
_LONGEST_COMMENT = 300_000
"""GitHub stores no comment of more than 262,144 bytes; what is longer did not come from there."""
_LONGEST_LINE = 2_000
_MOST = 20
"""More commands in one comment are not read; nobody types them."""


def parse(body: str) -> list[Invocation]:
    """The commands of a comment in their order; never raises, whatever the text is."""
    found: list[Invocation] = []
    comment = body[:_LONGEST_COMMENT]
    if "/pipeline" not in comment.lower():
        return found
    for line in text_lines(comment):
        match = _COMMAND.fullmatch(_CONTROLS.sub("", line[:_LONGEST_LINE]).rstrip())
        if match:
            found.append(_invocation(match[1] or "", cut=len(line) > _LONGEST_LINE))
        if len(found) == _MOST:
            break
    return found


def _invocation(rest: str, *, cut: bool) -> Invocation:
    words = list(_words(rest))
    while words and not words[0].strip():
        del words[0]
    if not words or _OPTION.fullmatch(words[0]):
        words.insert(0, "help")
    name = words[0].lower()
    if cut:
        return Invocation(name, error=f"The line is longer than {_LONGEST_LINE:,} characters.")
    return _read_options(name, words[1:])


def _read_options(name: str, words: list[str]) -> Invocation:
    options: dict[str, str | int] = {}
    arguments: list[str] = []
    error: str | None = None
    waiting = iter(words)
    for word in waiting:
        match = _OPTION.fullmatch(word)
        if not match:
            arguments.append(word)
            continue
        key, value = match[1].lower(), match[2]
        if value is None:
            value = next(waiting, None)
        if not value or _OPTION.fullmatch(value):
            error = error or f"Option --{key} needs a value."
        elif key in options:
            error = error or f"Option --{key} is given twice."
        else:
            options[key] = value
    return Invocation(name, options, tuple(arguments), error)


def _words(text: str) -> Iterator[str]:
    """Splits like a shell, but a quote that is never closed reaches to the end of the line."""
    word: list[str] | None = None
    closing = ""
    for character in text:
        if closing:
            if character == closing:
                closing = ""
            elif word is not None:
                word.append(character)
        elif character in _QUOTES:
            closing = _QUOTES[character]
            word = word or []
        elif character.isspace():
            if word is not None:
                yield "".join(word)
            word = None
        else:
            word = word or []
            word.append(character)
    if word is not None:
        yield "".join(word)
