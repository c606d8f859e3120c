"""What spreads over an installation is told once where it started, and nothing private leaves its repository."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.demo.github.records import IssueRecord
from storage.inbox_admin import JobListing
from tests.end_to_end.world import PYTEST_LOG, Clock, World, opened

pytestmark = pytest.mark.slow

HOUR = 3600
DISK_LOG = """2026-11-20T10:00:01.0000000Z ##[group]Run cp -r build /mnt/out
2026-11-20T10:00:01.1000000Z \x1b[36;1mcp -r build /mnt/out\x1b[0m
2026-11-20T10:00:01.3000000Z ##[endgroup]
2026-11-20T10:00:02.0000000Z cp: error writing '/mnt/out/app.bin': No space left on device
2026-11-20T10:00:02.2000000Z ##[error]Process completed with exit code 1.
"""


def _done_or_early(jobs: list[JobListing]) -> bool:
    """All is told, or something waits for the note to which it refers."""
    warnings = [job for job in jobs if job.kind == "warning"]
    return not warnings or any(job.run_at_ms and "not written yet" in job.last_error for job in warnings)


@dataclass
class Account:
    """An installation with several repositories."""

    world: World
    clock: Clock

    async def fails(self, name: str, log: str = DISK_LOG) -> None:
        run = self.world.state.add_run(name, conclusion="failure", created_at=self.clock())
        self.world.job(run, log)
        await self.world.complete(run)

    async def looks(self, *, later: float = 0.0) -> None:
        """The clock's work is done."""
        self.clock.ahead += later
        await self.world.parts.upkeep.once(sweeping=False)
        while any(job.kind == "warning" for job in await self.world.jobs(_done_or_early)):
            await self.world.due_now()

    def issues(self, name: str) -> list[IssueRecord]:
        found = self.world.state.repository(name).issues
        return [found[number] for number in sorted(found)]

    def said(self, name: str) -> str:
        """All that stands in a repository's issues."""
        issues = self.issues(name)
        return "\n".join([text for i in issues for text in (i.title, i.body or "", *(c.body for c in i.comments))])


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[Account]:
    clock = Clock()
    async with opened(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}", clock=clock) as world:
        for name in ("octo/web", "octo/api", "octo/docs"):
            world.state.add_repository(name)
        for name in ("octo/plans", "octo/vault", "octo/deals"):
            world.state.add_repository(name, private=True)
        yield Account(world, clock)


async def test_one_note_stands_where_it_started_and_closes_when_it_stops(account: Account) -> None:
    await account.fails("octo/web")
    await account.fails("octo/api")
    await account.looks()
    assert "Likely external" not in account.said("octo/web")
    await account.fails("octo/docs")
    await account.looks()
    await account.looks(later=61)
    notes = account.said("octo/web")
    assert notes.count("**Likely external**") == 1
    assert "Among them: `octo/api`, `octo/docs`" in notes
    others = account.said("octo/api") + account.said("octo/docs")
    for name in ("octo/api", "octo/docs"):
        assert account.said(name).count("**Likely external**") == 1
        assert "[The note where it started](" in account.said(name)
    assert "Among them" not in others
    await account.looks(later=HOUR)
    assert account.said("octo/web").count("It has stopped") == 1
    await account.looks(later=61)
    assert account.said("octo/web").count("It has stopped") == 1


async def test_public_repositories_learn_nothing_of_private_ones(account: Account) -> None:
    for name in ("octo/web", "octo/plans", "octo/api", "octo/vault"):
        await account.fails(name)
    await account.looks()
    public = account.said("octo/web") + account.said("octo/api")
    assert "Likely external" not in public
    assert "Among them: `octo/api`, `octo/web`" in account.said("octo/plans").replace(
        "`octo/web`, `octo/api`", "`octo/api`, `octo/web`"
    )
    assert "octo/vault" not in account.said("octo/plans")
    assert "octo/plans" not in account.said("octo/vault")


async def test_private_repositories_are_neither_named_nor_linked_in_each_other(account: Account) -> None:
    for name in ("octo/plans", "octo/vault", "octo/deals"):
        await account.fails(name)
    await account.looks()
    assert account.said("octo/plans").count("**Likely external**") == 1
    for name in ("octo/plans", "octo/vault", "octo/deals"):
        for other in {"octo/plans", "octo/vault", "octo/deals"} - {name}:
            assert other not in account.said(name)


async def test_a_failure_of_the_code_is_no_warning(account: Account) -> None:
    for name in ("octo/web", "octo/api", "octo/docs"):
        await account.fails(name, PYTEST_LOG)
    await account.looks()
    assert "Likely external" not in account.said("octo/web")


async def test_it_is_over_once_all_are_green_again(account: Account) -> None:
    for name in ("octo/web", "octo/api", "octo/docs"):
        await account.fails(name)
    await account.looks()
    for name in ("octo/web", "octo/api", "octo/docs"):
        await account.world.complete(account.world.state.add_run(name, conclusion="success"))
    await account.looks(later=61)
    assert all(issue.state == "closed" for issue in account.issues("octo/web"))
