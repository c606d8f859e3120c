"""A world for each test, and what stands around it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from tests.end_to_end.world import World, opened


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The program on SQLite, with one installed repository."""
    async with opened(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}") as world:
        yield world


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line is at work in the server's folder, on the server's database."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_APP_ID", "GITHUB_TOKEN", "WEBHOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'pipeline.db'}")


@pytest.fixture
def logging_kept() -> Iterator[None]:
    """What a test sets up for logging is gone after it."""
    handlers = list(logging.root.handlers)
    yield
    structlog.reset_defaults()
    logging.root.handlers = handlers
