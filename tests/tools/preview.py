"""Shows the snapshots as a browser would: `python -m tests.tools.preview OUT [NAME…]` writes HTML, light and dark.

Markdown goes through markdown-it with tables and raw HTML on, which is near enough to GitHub for a look at
length, order and folding. With Chromium on the PATH every page becomes a picture too.
"""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
from pathlib import Path

from markdown_it import MarkdownIt

from tests.snapshot import SNAPSHOTS

COLOURS = {
    "light": "--page:#fff;--text:#1f2328;--soft:#59636e;--line:#d1d9e0;--box:#f6f8fa;--link:#0969da",
    "dark": "--page:#0d1117;--text:#f0f6fc;--soft:#9198a1;--line:#3d444d;--box:#151b23;--link:#4493f8",
}
STYLE = """
body{background:var(--page);color:var(--text);font:14px/1.5 system-ui,'DejaVu Sans',sans-serif;margin:24px}
main{max-width:820px;border:1px solid var(--line);border-radius:6px;padding:16px}
a{color:var(--link);text-decoration:none} h3{margin:20px 0 10px;font-size:1.2em} li+li{margin-top:.25em}
code{background:color-mix(in srgb,var(--soft) 20%,transparent);border-radius:6px;font-size:85%;padding:.2em .4em}
code,pre{font-family:'DejaVu Sans Mono',monospace}
pre{background:var(--box);border-radius:6px;overflow:auto;padding:12px}
pre code{background:none;padding:0} details{margin-bottom:12px} ul,ol{padding-left:2em}
table{border-collapse:collapse;display:block;overflow:auto;margin-bottom:16px}
td,th{border:1px solid var(--line);padding:5px 12px} hr{border:0;border-top:2px solid var(--line)}
h6{color:var(--soft);font-size:12px;margin:0 0 12px}
"""


def page(title: str, markdown: str, colours: str) -> str:
    """One snapshot as a page of its own."""
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    head = f"<!doctype html><meta charset=utf-8><title>{title}</title><style>:root{{{colours}}}{STYLE}</style>"
    return f"{head}<h6>{html.escape(title)}</h6><main>{body}</main>"


def picture(browser: str, path: Path) -> None:
    """A picture of a laptop's window beside the page."""
    window = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=900,1000"]
    subprocess.run([browser, *window, f"--screenshot={path.with_suffix('.png')}", path.as_uri()], check=True)


def main(folder: Path, names: list[str]) -> None:
    """Writes NAME.light.html and NAME.dark.html, and pictures where there is a browser."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(SNAPSHOTS.rglob("*.md")):
        title = source.relative_to(SNAPSHOTS).with_suffix("").as_posix()
        if names and not any(name in title for name in names):
            continue
        for scheme, colours in COLOURS.items():
            path = folder.resolve() / f"{title.replace('/', '-')}.{scheme}.html"
            path.write_text(page(title, source.read_text(encoding="utf-8"), colours), encoding="utf-8")
            if browser:
                picture(browser, path)
            print(path)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m tests.tools.preview OUT [NAME…]")
    main(Path(sys.argv[1]), sys.argv[2:])
