"""Whatever a log, a branch or a job is called: it is shown, and nothing of it comes to life."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.render.markdown import (
    NOTHING,
    ZERO_WIDTH,
    cell,
    clip_bytes,
    code,
    fence,
    link,
    marker,
    plain,
    prose,
    read_marker,
)  # fmt: skip

GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
LIVE = re.compile(
    r"@[A-Za-z0-9]|#\d|\bGH-\d|https?://|www\.|mailto:|(?<![0-9a-z])[0-9a-f]{40}(?![0-9a-z])|\$", re.IGNORECASE
)
PLAIN_KINDS = {"text", "code_inline", "softbreak"}

PIECES = (
    "`", "``", "```", "````", "~~~", "\n", "\r\n", "\r", "\t", "    ", " ", "|", "\\", "\\|", "<", ">", "<!--",
    "-->", "</details>",
    "<img src=x>", "<script>", "[a](https://x.test)", "![a](b)", "@copilot", "@", "#1", "octo/shop#12", "GH-7",
    "closes #3",
    "https://github.com/o/r/issues/1", "www.x.test", "a@b.test", "4f1a9c02be7d5a3386e1c0d9b8f7a6e5d4c3b2a1", "# ",
    "- ", "1. ", "> ",
    "===", "---", "***", "**b**", "_", "~~", "&amp;", "&#64;", "$x$", "$`", ":tada:", "\x1b[31m",
    "\x1b]8;;https://x.test\x07",
    "\x1b", "\x00", "\x07", "\u202e", "\u2066", "\u200b", "\u2028", "\ud800", "[^1]", "[x]: /y", "mermaid", "é",
    "漢", "\U0001f600", "x",
)  # fmt: skip
hostile = st.one_of(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.text(max_size=60))


def leaves(markdown: str) -> Iterator[Token]:
    """Every token of the rendered text, blocks and inlines alike."""
    for token in GFM.parse(markdown):
        yield token
        yield from token.children or ()


@given(hostile)
@example("```\n# heading\n```")
@example("`" * 50)
def test_fence_holds_all_of_the_text_and_nothing_else_appears(text: str) -> None:
    tokens = [
        t for t in leaves(f"before\n\n{fence(text, limit_bytes=2_000)}\n\nafter") if not t.type.startswith("paragraph")
    ]
    assert [t.type for t in tokens] == ["inline", "text", "fence", "inline", "text"]
    assert tokens[2].info == "text"
    assert not re.search(r"@[A-Za-z0-9]|[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", tokens[2].content)


@given(hostile, st.integers(80, 400))
def test_fence_never_exceeds_its_limit(text: str, limit: int) -> None:
    assert len(fence(text, limit_bytes=limit).encode()) <= limit


@given(hostile, hostile)
@example("a``b", "`")
def test_code_spans_in_one_line_stay_one_paragraph_of_code(one: str, two: str) -> None:
    tokens = [
        t
        for t in leaves(f"{code(one)} and {code(two)}.")
        if t.type not in ("inline", "paragraph_open", "paragraph_close")
    ]
    assert {t.type for t in tokens} <= PLAIN_KINDS
    assert {t.content for t in tokens if t.type == "text"} <= {
        " and ",
        ".",
        f"{NOTHING} and ",
        f" and {NOTHING}.",
        f"{NOTHING} and {NOTHING}.",
    }
    assert "\n" not in code(one)


@given(hostile, hostile)
@example("a\\|b", "c\\")
@example("\\\\|", "`|`")
def test_cells_keep_their_row_whatever_stands_in_them(one: str, two: str) -> None:
    tokens = list(leaves(f"| A | B |\n| --- | --- |\n| {cell(one)} | {cell(two)} |"))
    assert sum(t.type == "td_open" for t in tokens) == 2
    assert sum(t.type == "tr_open" for t in tokens) == 2
    inlines = [child for t in tokens if t.type == "inline" for child in t.children or ()]
    assert {t.type for t in inlines} <= {"text", "code_inline"}
    assert {t.content for t in inlines if t.type == "text"} <= {"A", "B", NOTHING}


@given(hostile)
def test_no_pipe_of_a_cell_is_bare_or_behind_two_backslashes(text: str) -> None:
    assert not re.search(r"(?<!\\)\||\\\\\|", cell(text))


@given(hostile)
@example("1. a")
@example("+ a")
@example("`a`$`b`")
def test_prose_shows_text_and_code_and_brings_nothing_to_life(text: str) -> None:
    tokens = list(leaves(f"- {prose(text)}"))
    assert {t.type for t in tokens if t.nesting == 0 and t.type != "inline"} <= PLAIN_KINDS | {"text_special"}
    assert sum(t.nesting == 1 for t in tokens) <= 3  # list, item, paragraph
    assert not LIVE.search("".join(t.content for t in tokens if t.type in ("text", "text_special")))


@given(hostile, st.integers(10, 255))
def test_plain_is_one_short_line_without_anything_live(text: str, limit: int) -> None:
    line = plain(text, limit=limit)
    assert len(line) <= limit
    assert "\n" not in line
    assert not re.search(r"@[A-Za-z0-9]|#\d|GH-\d|://|[0-9a-f]{40}", line)


@given(hostile, st.integers(0, 60))
def test_clipping_counts_bytes_and_cuts_no_character(text: str, limit: int) -> None:
    clipped = clip_bytes(text, limit)
    assert len(clipped.encode()) <= limit
    assert clipped.removesuffix("…") in text.encode("utf-8", "replace").decode() + "…"


def test_text_stays_readable() -> None:
    assert code("feature/x|y") == "`feature/x|y`"
    assert prose("Run `ruff check --fix`, then see #12.") == "Run `ruff check --fix`, then see `#12.`"
    assert plain("tests/test_a.py::test_b failed") == "tests/test_a.py::test_b failed"
    assert fence("\x1b[31mred\x1b[0m\r\n", limit_bytes=100) == "```text\nred\n```"


def test_mention_hidden_behind_an_escape_is_disarmed_all_the_same() -> None:
    assert f"@{ZERO_WIDTH}octocat" in fence("@\x1b[0moctocat", limit_bytes=100)


@given(st.from_regex(r"[a-z-]{1,12}", fullmatch=True), hostile.filter(lambda t: t and "\ud800" not in t))
def test_marker_is_read_back_and_stays_hidden(kind: str, key: str) -> None:
    line = marker(kind, key)
    found = read_marker(f"{line}\r\nText.")
    assert found
    assert (found.kind, found.key) == (kind, key)
    assert [t.type for t in GFM.parse(line)] == ["html_block"]


def test_marker_further_down_does_not_count() -> None:
    assert read_marker("Text.\n" + marker("issue", "v1-5d41402abc4b2a76")) is None


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://github.com/o/r/issues/1", "https://github.com/o/r/pull/2#x", ""]
)
def test_address_that_is_unsafe_or_would_refer_is_not_linked(url: str) -> None:
    assert link("log", url) == "log"


def test_address_cannot_break_out_of_its_link() -> None:
    tokens = list(leaves(link("log", "https://x.test/a) [b](https://y.test) \n# c")))
    assert [t.attrs["href"] for t in tokens if t.type == "link_open"] == [
        "https://x.test/a%29%20%5Bb%5D%28https://y.test%29%20%0A#%20c"
    ]
