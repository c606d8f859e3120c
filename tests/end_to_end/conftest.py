"""A world for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.end_to_end.world import World, opened


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The program on SQLite, with one installed repository."""
    async with opened(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}") as world:
        yield world
