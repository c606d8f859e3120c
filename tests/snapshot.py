"""Texts we show, kept as files: `UPDATE_SNAPSHOTS=1 pytest` blesses what is rendered now."""

from __future__ import annotations

import os
from pathlib import Path

SNAPSHOTS = Path(__file__).parent / "snapshots"


def assert_snapshot(name: str, text: str) -> None:
    """Compares `text` with the snapshot of this name to the byte; the diff is pytest's."""
    path = SNAPSHOTS / name
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    assert path.exists(), f"no snapshot {name}: run with UPDATE_SNAPSHOTS=1 and look at it"
    assert text + "\n" == path.read_text(encoding="utf-8")
