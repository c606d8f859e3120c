"""The pictures of docs/what-it-posts.md: `python -m tests.tools.posts` photographs snapshots, light and dark.

The snapshots are what the renderers write today, or a test fails. Needs Chromium on the PATH, and Pillow.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.snapshot import SNAPSHOTS
from tests.tools.preview import COLOURS, page, picture

TARGET = Path(__file__).resolve().parents[2] / "docs" / "pictures"
POSTS = {
    "check-run": "check_run/verdict-mixed",
    "pull-request": "pull_request/mixed",
    "issue": "issue/recurring",
}
"""Name of the picture → the snapshot that it shows."""


def path_of(name: str, scheme: str) -> Path:
    """Where a picture lies."""
    return TARGET / f"post-{name}-{scheme}.png"


def trimmed(source: Path, target: Path) -> None:
    """Without the empty rest of the window, and in 64 colours."""
    from PIL import Image, ImageChops

    with Image.open(source) as full:
        shot = full.convert("RGB")
        ground = Image.new("RGB", shot.size, shot.getpixel((0, 0)))
        _, _, _, bottom = ImageChops.difference(shot, ground).getbbox() or (0, 0, *shot.size)
        shot.crop((0, 0, shot.width, min(shot.height, bottom + 24))).quantize(64).save(target, optimize=True)


def main() -> None:
    """Renew every picture."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium on the PATH")
    with tempfile.TemporaryDirectory() as folder:
        for name, snapshot in POSTS.items():
            markdown = (SNAPSHOTS / f"{snapshot}.md").read_text(encoding="utf-8")
            for scheme, colours in COLOURS.items():
                html = Path(folder) / f"{name}.html"
                html.write_text(page(snapshot.partition("/")[0].replace("_", " "), markdown, colours), encoding="utf-8")
                picture(browser, html)
                trimmed(html.with_suffix(".png"), path_of(name, scheme))
                print(path_of(name, scheme))


if __name__ == "__main__":
    main()
