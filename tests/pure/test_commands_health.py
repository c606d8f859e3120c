"""`/pipeline health` over a real database: whose runs it counts, and whose it does not show."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.commands.registry import COMMANDS, answer
from bot.commands.spec import CommandContext, Invocation
from storage import installations
from storage.database import Database
from tests import factories as make

HERE = make.a_repository()
PUBLIC = make.a_repository(id=8, full_name="octo/docs")
PRIVATE = make.a_repository(id=9, full_name="octo/secret", private=True)
STRANGER = make.a_repository(id=10, full_name="other/shop", installation_id=2)


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[CommandContext]:
    database = await Database.open(f"sqlite:///{tmp_path / 'pipeline.db'}")
    try:
        await database.migrate()
        await database.write(
            lambda tx: installations.save_repositories(tx, [HERE, PUBLIC, PRIVATE, STRANGER]),
        )
        yield CommandContext(database=database, repository=HERE, now=make.NOW, commands=COMMANDS)
    finally:
        await database.close()


async def test_without_an_option_it_speaks_of_the_repository_it_stands_in(context: CommandContext) -> None:
    said = await answer(context, [Invocation("health")])
    assert said.good
    assert said.markdown.startswith("Health of `octo/shop` is **unknown**: no run finished in the last 24h.")


async def test_time_range_is_taken(context: CommandContext) -> None:
    said = await answer(context, [Invocation("health", {"time-range": "2W"})])
    assert "in the last 2w" in said.markdown


async def test_public_repository_of_the_same_installation_may_be_asked_for(context: CommandContext) -> None:
    said = await answer(context, [Invocation("health", {"repo": "Octo/Docs"})])
    assert said.good
    assert "`octo/docs`" in said.markdown


@pytest.mark.parametrize("name", ["octo/secret", "other/shop", "octo/nowhere", "@octocat"])
async def test_any_other_repository_is_not_available(context: CommandContext, name: str) -> None:
    said = await answer(context, [Invocation("health", {"repo": name})])
    assert not said.good
    assert "is not available here" in said.markdown
