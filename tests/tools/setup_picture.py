"""The picture of the set-up page: `python -m tests.tools.setup_picture [OUT.png]`. Needs Chromium on the PATH.

The pages are the real ones, with example answers; only their standing side by side is arranged.
"""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bot.manifest import manifest
from bot.setup import pages
from bot.setup.manifest import Wanted
from tests.tools.picture import shrink

TARGET = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "setup.png"
WINDOW = "1160,780"
WEB = "https://github.com"
WANTED = Wanted("octo-org", "Pipeline Monitor of octo-org", "https://ci.example.com")
FRAME = (
    "<style>body{margin:0;display:grid;grid-template-columns:1fr 1fr;background:#d1d9e0;gap:1px}"
    "iframe{border:0;width:100%;height:780px;background:#fff}</style>"
)


def main(target: Path) -> None:
    """Write both pages into one, and take its picture."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium on the PATH")
    form = pages.form(WANTED, {}, token="", web_url=WEB)
    hook = f"{WANTED.address}/webhook"
    look = pages.confirmation(WANTED, manifest().whole, token="", target=WEB, manifest="", hook=hook, web_url=WEB)
    frames = "".join(f'<iframe srcdoc="{html.escape(text)}"></iframe>' for text in (form, look))
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(f"<!doctype html><meta charset=utf-8>{FRAME}{frames}", encoding="utf-8")
        window = ["--headless", "--no-sandbox", "--hide-scrollbars", "--disable-lcd-text", f"--window-size={WINDOW}"]
        subprocess.run([browser, *window, f"--screenshot={target}", page.as_uri()], check=True, capture_output=True)
    shrink(target)
    print(f"{target}: {target.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else TARGET)
