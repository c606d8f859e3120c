"""The README's picture: `python -m tests.tools.picture [OUT.png]` plays the demo and photographs what it posted.

Needs Chromium on the PATH; with Pillow installed the picture gets a palette and a third of the size. What is shown
is the Markdown as the demo's server wrote it; only the frame around it, which GitHub draws, is imitated.
"""

from __future__ import annotations

import asyncio
import html
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from markdown_it import MarkdownIt

from bot.demo.posted import Post
from bot.demo.run import Demo
from bot.demo.show import Screen
from bot.demo.story import Scene
from tests.tools.preview import COLOURS, STYLE

TARGET = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "posted.png"
WINDOW = "1160,885"
BOT = "pipeline-monitor bot commented"
FRAME = """
body{display:grid;grid-template-columns:1fr 1fr;gap:20px;margin:20px;align-items:start;font-size:13px}
main{padding:0 16px 8px;overflow:hidden} header{border-bottom:1px solid var(--line);background:var(--box);
margin:0 -16px 12px;padding:10px 16px} header b{font-size:15px} header div{color:var(--soft);margin-top:2px}
.label{border:1px solid var(--line);border-radius:1em;padding:0 8px;margin-right:4px;font-size:11px}
main+main{margin-top:20px} h3{margin:14px 0 8px}
"""


class Album(Screen):
    """Collects what the demo posts instead of printing it."""

    def __init__(self) -> None:
        super().__init__()
        self.posts: list[Post] = []

    def line(self, text: str = "", style: str = "") -> None:
        """The demo's own words are left out."""

    def scene(self, scene: Scene) -> None:
        """So are its headings."""

    def post(self, post: Post) -> None:
        """This is what the picture shows."""
        self.posts.append(post)


def framed(post: Post) -> str:
    """One post in a box like GitHub's."""
    title, *rest = post.facts or (BOT,)
    labels = [label for fact in rest if fact.startswith("labels: ") for label in fact[8:].split(", ")]
    pills = "".join(f"<span class=label>{html.escape(label)}</span>" for label in labels)
    conclusion, found, said = title.partition(": ")
    if post.kind == "Check run" and found:
        title, pills = said, f"<span class=label>{conclusion}</span>"
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(post.markdown)
    where = html.escape(post.where if post.kind == "Issue" else f"{post.kind} on {post.where}")
    head = f"<header><b>{html.escape(title)}</b><div>{where} {pills}</div></header>"
    return f"<main>{head}{body}</main>"


def shrink(picture: Path) -> None:
    """64 colours are enough for text on boxes."""
    try:
        from PIL import Image
    except ImportError:
        return
    with Image.open(picture) as full:
        full.quantize(64).save(picture, optimize=True)


def main(target: Path) -> None:
    """Play, write the page, and take its picture."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium on the PATH")
    album = Album()
    asyncio.run(Demo(album, keep_running=False).play())
    check, issue = album.posts[:2]
    comment = next(post for post in album.posts if post.kind == "Comment")
    style = f"<style>:root{{{COLOURS['light']}}}{STYLE}{FRAME}</style>"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        columns = f"<div>{framed(check)}{framed(comment)}</div><div>{framed(issue)}</div>"
        page.write_text(f"<!doctype html><meta charset=utf-8>{style}{columns}", encoding="utf-8")
        window = ["--headless", "--no-sandbox", "--hide-scrollbars", "--disable-lcd-text", f"--window-size={WINDOW}"]
        subprocess.run([browser, *window, f"--screenshot={target}", page.as_uri()], check=True, capture_output=True)
    shrink(target)
    print(f"{target}: {target.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else TARGET)
