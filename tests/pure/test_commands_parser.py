"""What is a command in a comment, and what only looks like one."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.commands.parser import parse
from bot.commands.spec import Invocation

COMMANDS = (
    ("/pipeline health", [Invocation("health")]),
    ("/pipeline", [Invocation("help")]),
    ("/pipeline  \t", [Invocation("help")]),
    ("/PIPELINE Health", [Invocation("health")]),
    ("/pipeline health\r\nthanks", [Invocation("health")]),
    ("hello\r/pipeline health\rthanks", [Invocation("health")]),
    ("hello\n/pipeline help health", [Invocation("help", {}, ("health",))]),
    ("/pipeline health --time-range 7d", [Invocation("health", {"time-range": "7d"})]),
    ("/pipeline health --time-range=7d --repo o/r", [Invocation("health", {"time-range": "7d", "repo": "o/r"})]),
    ("/pipeline health —time-range “7d”", [Invocation("health", {"time-range": "7d"})]),
    ("/pipeline mute 'two words' \"it's\" x\"y z\"", [Invocation("mute", {}, ("two words", "it's", "xy z"))]),
    ("/pipeline --time-range 7d", [Invocation("help", {"time-range": "7d"})]),
    ("/pipeline helth", [Invocation("helth")]),
    ("/pipeline health\n\n/pipeline help", [Invocation("health"), Invocation("help")]),
    ("/pipeline health\n/pipeline help", [Invocation("health"), Invocation("help")]),
    ("> quoted\n\n/pipeline health", [Invocation("health")]),
    ("> # heading\n/pipeline health", [Invocation("health")]),
    ("> ```\n> x\n> ```\n/pipeline health", [Invocation("health")]),
    ("```\nx\n```\n/pipeline health", [Invocation("health")]),
    ("- ```\n  x\n  ```\n\n/pipeline health", [Invocation("health")]),
    ("- item\n/pipeline health", [Invocation("health")]),
    ("<!-- note -->\n/pipeline health", [Invocation("health")]),
    ("an open ` tick\n/pipeline health", [Invocation("health")]),
    ("\\`\n/pipeline health\n`", [Invocation("health")]),
    ("`/pipeline help`\n/pipeline health", [Invocation("health")]),
    ("<details>\n\n/pipeline health\n\n</details>", [Invocation("health")]),
    ("/pipeline \x00hea\u200blth", [Invocation("health")]),
)  # fmt: skip


@pytest.mark.parametrize(("body", "found"), COMMANDS)
def test_command_is_found(body: str, found: list[Invocation]) -> None:
    assert parse(body) == found


TEXT = (
    "", "pipeline health", "/pipelinefoo", "/pipeline-x", "/pipeline/health", " /pipeline health",
    "\t/pipeline health",
    "see /pipeline health", "`/pipeline health`", "`a\n/pipeline health\nb`", "    /pipeline health",
    "```\n/pipeline health\n```", "~~~\n/pipeline health\n~~~", "```sh title\n/pipeline health\n```",
    "`````\n```\n/pipeline health\n`````", "~~~\n```\n/pipeline health", "```\n/pipeline health",
    "  ```\n/pipeline health\n  ```",
    "```\n/pipeline health\n    ```\n/pipeline health", "```\n/pipeline health\n``` x\n/pipeline health",
    "> /pipeline health", ">/pipeline health", "> quoted\n/pipeline health", "> > quoted\n/pipeline health",
    "> quoted\n/pipeline health\n/pipeline help", "- > quoted\n/pipeline health", "> ```\n> /pipeline health\n> ```",
    "<!--\n/pipeline health\n-->", "<!-- /pipeline health -->", "a <!-- b\n/pipeline health\n--> c",
    "<!--\n\n/pipeline health",
    "<pre>\n/pipeline health\n</pre>", "<pre>\n\n/pipeline health", "- /pipeline health",
    "1. ```\n   /pipeline health\n   ```",
)  # fmt: skip


@pytest.mark.parametrize("body", TEXT)
def test_text_is_no_command(body: str) -> None:
    assert parse(body) == []


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("/pipeline health --time-range", "Option --time-range needs a value."),
        ("/pipeline health --time-range --repo o/r", "Option --time-range needs a value."),
        ("/pipeline health --repo=", "Option --repo needs a value."),
        ("/pipeline health --repo a --repo b", "Option --repo is given twice."),
        ("/pipeline health " + "x" * 5_000, "The line is longer than 2,000 characters."),
    ],
)
def test_what_cannot_be_understood_is_said(body: str, error: str) -> None:
    (invocation,) = parse(body)
    assert invocation.name == "health"
    assert invocation.error == error


def test_quote_that_is_never_closed_reaches_to_the_end_of_the_line() -> None:
    assert parse('/pipeline classify "two words\nmore') == [Invocation("classify", {}, ("two words",))]


@pytest.mark.parametrize(
    "piece",
    [
        "`", "`a", "``a`", "<!--", "> ", ">", "```\n", "\\`", "- ", "- `\n", "\n", " ", "/pipeline x\n", "/pipeline '",
        "\t", "\x00", "<pre>\n", "`\n", "*", "1.",
    ],
)  # fmt: skip
def test_five_megabytes_of_anything_are_read_in_a_moment(piece: str) -> None:
    body = "/pipeline health\n" + piece * (5_000_000 // len(piece))
    started = time.perf_counter()
    assert parse(body)
    assert time.perf_counter() - started < 5


PIECES = (
    "`", "``", "```", "~~~", "````", "```sh", "<!--", "-->", "<pre>", "</pre>", "> ", ">", "- ", "1. ", "# ",
    "    ", "  ", "\t",
    "---", "***", "a", "\\", "b c", "x <!-- y", "`a", "b`", "\n", "\n", "\n", "\n\n", "\n/pipeline health\n",
    "\n/pipeline health\n", "\n/pipeline health",
)  # fmt: skip
comments = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
COMMONMARK = MarkdownIt("commonmark", {"html": True})


def commands_in_text(body: str) -> int:
    """How many lines of CommonMark's own text, or of HTML that is not preformatted, are the command."""
    tokens = COMMONMARK.parse(body)
    shown = [
        t.content for t in tokens if t.type == "html_block" and not t.content.lstrip().startswith(("<!--", "<pre"))
    ]
    found = sum(line.startswith("/pipeline health") for html in shown for line in html.split("\n"))
    for token, quoted in _inlines(tokens):
        lines = [""]
        for child in token.children or ():
            if child.type in ("softbreak", "hardbreak"):
                lines.append("")
            else:
                lines[-1] += child.content if child.type == "text" else "\x00"
        found += 0 if quoted else sum(line.startswith("/pipeline health") for line in lines)
    return found


def _inlines(tokens: list[Token]) -> list[tuple[Token, int]]:
    depth, found = 0, []
    for token in tokens:
        depth += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if token.type == "inline":
            found.append((token, depth))
    return found


@settings(derandomize=True, max_examples=400, deadline=None)
@given(comments)
@example("> a\n/pipeline health")
@example("- ```\n/pipeline health")
@example("```\n\t```\n/pipeline health\n")
@example("> \t`\n/pipeline health\n")
@example("> ```\n- > `\n/pipeline health\n")
def test_nothing_is_a_command_that_commonmark_does_not_show_as_text(body: str) -> None:
    assert len(parse(body)) <= commands_in_text(body)


@given(
    st.lists(
        st.sampled_from(("a", "`b`", "- c", "# d", "", "> e\n", "```\nf\n```", "/pipeline health")), max_size=8
    ).map("\n".join)
)
def test_every_line_that_commonmark_shows_as_text_is_found(body: str) -> None:
    assert len(parse(body)) == commands_in_text(body)


@given(st.text(alphabet=string.printable + "\x00\u202e“”—", max_size=200))
def test_hostile_words_never_raise(text: str) -> None:
    for invocation in parse("/pipeline " + text):
        assert invocation.name
