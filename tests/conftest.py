"""Databases for tests: each test that asks for one runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from storage.database import Database
from tests.postgres import Postgres, postgres_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for this test process, started by the first test that needs it."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """Which engine the test runs on; starts the server outside the test's event loop."""
    if request.param == "postgresql":
        request.getfixturevalue("postgres")
    return str(request.param)


@pytest.fixture
async def empty_database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A database without tables."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path / 'pipeline.db'}"
        return
    async with request.getfixturevalue("postgres").database(migrated=False) as url:
        yield url


@pytest.fixture
async def database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A database as the program finds it at start: nothing yet on SQLite, the tables on PostgreSQL."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path / 'pipeline.db'}"
        return
    async with request.getfixturevalue("postgres").database(migrated=True) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The database of `database_url`, open and migrated."""
    opened = await Database.open(database_url)
    await opened.migrate()
    yield opened
    await opened.close()
