"""Everything about untrusted text in Markdown, once.

Text of logs, branches, jobs, commit messages and repository files is data: whatever leaves this module
cannot mention, reference, close, link or render. Code spans and fences do that on the web; a zero-width
space after `@` does it in replies by e-mail, where GitHub reads the quoted text as plain text again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

ZERO_WIDTH = "\u200b"
ELLIPSIS = "…"
NOTHING = "—"

_LONGEST_RUN = 16
"""Longer backtick runs are broken up, or a log line of backticks would cost three times its own size."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[PX^_][^\x1b\n]*(?:\x1b\\)?|[ -~])")
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_MENTION = re.compile(r"@(?=[A-Za-z0-9])")
_BACKTICKS = re.compile(r"`+")
_LONG_RUN = re.compile(f"`{{{_LONGEST_RUN}}}(?=`)")

_REFERENCE = re.compile(
    r"(?<=#)(?=\d)|(?<=GH-)(?=\d)|(?<=:)(?=//)|(?<=mailto)(?=:)|(?<=xmpp)(?=:)|(?<=www)(?=\.)"
    r"|(?<=:)(?=[\w+-]{1,40}:)",
    re.IGNORECASE,
)
"""Where a number, address or emoji that GitHub would make live is broken apart."""
_COMMIT = re.compile(r"([0-9a-f]{3})(?=[0-9a-f]{36})", re.IGNORECASE)
_LIVE_WORD = re.compile(
    r"\S*(?:@|\$|#\d|GH-\d|://|www\.|mailto:|xmpp:|:[\w+-]{1,40}:|(?<![0-9a-z])[0-9a-f]{7,64}(?![0-9a-z]))\S*",
    re.IGNORECASE,
)
"""A word that GitHub would make live in running text: as code it is shown and stays copyable."""
_PUNCTUATION = re.compile(r"[\\`*_{}\[\]<>#|~!&^()]")
_NO_WORD = re.compile(r"[^A-Za-z0-9 ]")
_BLOCK_START = re.compile(r"^(\d{1,9})([.)])|^([-+=])")
_SPAN = re.compile(r"(?<!`)`(?!`)([^`]+)`(?!`)")

_MARKER = re.compile(r"\s*<!-- pipeline-monitor kind=([a-z-]+) key=([^\s<>]*) -->")
_REFERRING_URL = re.compile(r"/(?:issues|pull|pulls|discussions)/\d", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Marker:
    """The hidden first line of a body of ours: what it is, and which one of its kind."""

    kind: str
    key: str


def clean(text: str) -> str:
    """`text` without escapes, control and direction characters, with LF line ends and disarmed mentions."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub("", _ANSI.sub("", text))
    return _MENTION.sub("@" + ZERO_WIDTH, text)


def clip_bytes(text: str, limit: int) -> str:
    """`text` in at most `limit` bytes of UTF-8, ending in `…` where something was cut off."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit:
        return raw.decode()
    room = limit - len(ELLIPSIS.encode())
    if room < 0:
        return ""
    return raw[:room].decode("utf-8", "ignore") + ELLIPSIS


def fence(text: str, *, limit_bytes: int) -> str:
    """`text` as a fenced block of kind `text`, at most `limit_bytes` long with its fences (never below 80)."""
    body = _tame_backticks(clean(text)).strip("\n")
    room = max(limit_bytes, 80) - 2 * (_LONGEST_RUN + 1) - len("text\n\n")
    body = clip_bytes(body, room)
    ticks = "`" * max(3, _longest_run(body) + 1)
    return f"{ticks}text\n{body}\n{ticks}"


def code(text: str, *, limit: int = 200) -> str:
    """`text` as one inline code span of at most `limit` characters; a dash where there is no text."""
    line = _one_line(text, limit)
    if not line:
        return NOTHING
    line = _tame_backticks(line)
    ticks = "`" * (_longest_run(line) + 1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def cell(text: str, *, limit: int = 120) -> str:
    """`text` as a code span for a table cell: a pipe cannot end the cell, whichever parser reads it.

    Parsers disagree on a backslash before an escaped pipe, so the two are kept apart.
    """
    return re.sub(r"(\\?)\|", lambda m: (m[1] + ZERO_WIDTH if m[1] else "") + "\\|", code(text, limit=limit))


def plain(text: str, *, limit: int = 255) -> str:
    """`text` as one line for titles, which are not Markdown: at most `limit` characters, nothing refers."""
    return _shorten(_disarm(_one_line(text, limit)), limit)


def word(text: str) -> str:
    """A category, severity or conclusion: letters, digits and blanks alone, at most 30 characters."""
    return _NO_WORD.sub("", text)[:30].strip() or "unknown"


def prose(text: str, *, limit: int = 500) -> str:
    """A sentence that may hold foreign words, as Markdown that shows it literally; `code` in it stays code."""
    line = _one_line(text, limit)
    shown = ""
    for index, part in enumerate(_SPAN.split(line)):
        for piece in [code(part)] if index % 2 else _escaped_words(part):
            shown += ZERO_WIDTH + piece if shown.endswith("`") and piece.startswith("`") else piece
    return _BLOCK_START.sub(lambda m: f"{m[1]}\\{m[2]}" if m[1] else f"\\{m[3]}", shown)


def link(label: str, url: str) -> str:
    """A link with a label that is Markdown of ours already; the bare label where the address is not safe.

    Addresses of issues and pull requests are refused: naming one writes into that issue's history.
    """
    if not url.startswith(("https://", "http://")) or _REFERRING_URL.search(url):
        return label
    return f"[{label}]({quote(_CONTROLS.sub('', url), safe=_URL_SAFE)})"


def marker(kind: str, key: str) -> str:
    """The hidden line by which a body of ours is found again; `key` may be any text."""
    encoded = quote(key, safe="/:._", errors="replace").replace("--", "-%2D")
    return f"<!-- pipeline-monitor kind={kind} key={encoded} -->"


def read_marker(body: str) -> Marker | None:
    """The marker at the very start of `body`; one further down may come from a log and does not count."""
    found = _MARKER.match(body)
    return Marker(found[1], unquote(found[2])) if found else None


_URL_SAFE = "/:?#&=%@+,;~.-_"


def _one_line(text: str, limit: int) -> str:
    return _shorten(" ".join(clean(text[: limit * 20]).split()), limit)


def _shorten(line: str, limit: int) -> str:
    return line if len(line) <= limit else line[: limit - 1].rstrip() + ELLIPSIS


def _tame_backticks(text: str) -> str:
    return _LONG_RUN.sub(lambda m: m[0] + ZERO_WIDTH, text)


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)


def _disarm(line: str) -> str:
    return _COMMIT.sub(lambda m: m[1] + ZERO_WIDTH, _REFERENCE.sub(ZERO_WIDTH, line))


def _escaped_words(part: str) -> list[str]:
    """The words and spaces of running text: live ones as code, the others with Markdown's signs escaped."""
    return [
        code(word) if _LIVE_WORD.fullmatch(word) else _PUNCTUATION.sub(r"\\\g<0>", word)
        for word in re.split(r"( +)", part)
    ]
