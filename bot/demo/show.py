"""What was posted, on a terminal or in a file: GitHub's Markdown through Rich, without what GitHub hides."""

from __future__ import annotations

import re
import sys
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown
from rich.padding import Padding
from rich.text import Text
from rich.theme import Theme

from bot.cli.output import colours, say
from bot.demo.posted import Post
from bot.demo.story import Scene

WIDEST = 100
INDENT = 4
BAR = "  │ "
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_COMMENT = re.compile(r"<!--.*?-->")
_SUMMARY = re.compile(r"<summary>(.*?)</summary>")
_FOLDED = re.compile(r"(<details><summary>[^\n]*?)</summary>.*?</details>", re.DOTALL)
_TAG = re.compile(r"</?(?:details|sub|sup|br|p)\b[^>]*>")
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]\\]|\\.)*)\]\([^()\s]*\)")


class _Fence(CodeBlock):
    """Quoted output behind a bar: readable on any background, and in a file."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in str(self.text).rstrip().splitlines():
            for piece in Text(line, style="cyan").wrap(console, options.max_width - len(BAR), overflow="fold"):
                yield Text.assemble((BAR, "dim"), piece)
        yield Text("")


class _Heading(Heading):
    """Headings on the left, as GitHub has them, whichever Rich is installed."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text("")
        yield Text(str(self.text), style="bold")


class _Page(Markdown):
    elements: ClassVar = {**Markdown.elements, "fence": _Fence, "code_block": _Fence, "heading_open": _Heading}


class Screen:
    """Prints the demo; decorated only where stdout is a terminal."""

    def __init__(self) -> None:
        self._console = Console(
            file=sys.stdout,
            force_terminal=colours(),
            no_color=not colours(),
            highlight=False,
            emoji=False,
            theme=Theme({"markdown.code": "cyan"}),
        )
        self._console.width = min(self._console.width if colours() else WIDEST, WIDEST)
        self._blank = True

    def line(self, text: str = "", style: str = "") -> None:
        """One line of the demo's own words."""
        self._print(Text(text, style=style))

    def scene(self, scene: Scene) -> None:
        """What happens, as a heading."""
        self.line()
        self._print(Text.assemble((scene.when, "bold green"), "  ", (scene.title, "bold")))

    def post(self, post: Post) -> None:
        """Something the App wrote, under a heading that says where it stands."""
        self.line()
        heading = Text.assemble("→ ", (post.kind, "bold magenta"), f" · {post.where}")
        self._print(Padding(heading, (0, 0, 0, INDENT - 2)))
        for fact in post.facts:
            self._print(Padding(Text(fact, style="bold"), (0, 0, 0, INDENT)))
        if post.markdown:
            self.line()
            page = _Page(visible(post.markdown, folded=post.folded), hyperlinks=False)
            self._print(Padding(page, (0, 0, 0, INDENT)))

    def _print(self, what: Text | Padding) -> None:
        with self._console.capture() as captured:
            self._console.print(what)
        for line in captured.get().splitlines():
            # Rich pads lines to the width of the screen and paragraphs with several empty ones.
            text = line.rstrip()
            if text or not self._blank:
                say(text)
            self._blank = not text


def visible(markdown: str, *, folded: bool = False) -> str:
    """Markdown as a terminal can show it: no hidden markers, links as their words, `<details>` as text.

    `folded` leaves of `<details>` only the summary.
    """
    shown: list[str] = []
    fence = ""
    text = _FOLDED.sub(r"\1</summary>", markdown) if folded else markdown
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if fence:
            shown.append(line)
            fence = "" if mark and mark[1].startswith(fence) and line.strip() == mark[1] else fence
        elif mark:
            shown.append(line)
            fence = mark[1]
        else:
            shown.append(_words(line))
    return "\n".join(shown).strip()


def _words(line: str) -> str:
    without = _COMMENT.sub("", line)
    unfolded = _SUMMARY.sub(r"▸ **\1**", without)
    return _LINK.sub(r"\1", _TAG.sub("", unfolded))
