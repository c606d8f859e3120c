"""The recorded example of adding a rule happens as it is told."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "adding-a-rule.md"
BLOCK = re.compile(r"^```(text|toml)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PACK = "classifiers/packs/checkers.toml"


def python(folder: Path, *arguments: str) -> str:
    """What a child process says whose program is the copy in `folder`."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout[-2000:]
    return done.stdout


@pytest.mark.slow
def test_the_example_of_adding_a_rule_happens_word_for_word(tmp_path: Path) -> None:
    """`UPDATE_SNAPSHOTS=1` writes what is printed now into the document."""
    for room in ("bot", "classifiers", "storage", "tests"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "corpus"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    text = DOCUMENT.read_text(encoding="utf-8")
    (_, log), (_, before), (kind, rule), (_, after) = BLOCK.findall(text)
    assert kind == "toml"
    assert f"`{PACK}`" in text
    (tmp_path / "shelfcheck.log").write_text(log, encoding="utf-8")

    first = python(tmp_path, "-m", "bot", "classify", "shelfcheck.log")
    with (tmp_path / PACK).open("a", encoding="utf-8") as pack:
        pack.write(f"\n{rule}")
    python(tmp_path, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0", "-q", "tests/pure/classifiers/test_packs.py")
    second = python(tmp_path, "-m", "bot", "classify", "shelfcheck.log")

    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        DOCUMENT.write_text(text.replace(before, first).replace(after, second), encoding="utf-8")
        before, after = first, second
    assert (first, second) == (before, after)
