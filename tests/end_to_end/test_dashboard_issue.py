"""One issue is the dashboard; its boxes are commands of those who may give them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.demo import deliveries
from bot.demo.github.records import IssueRecord
from bot.repo_config import PATH
from storage import words
from storage.inbox_admin import JobListing
from tests.end_to_end.world import REPO, Clock, World, opened

pytestmark = pytest.mark.slow

RERUN = "/repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs"
PATCH = "/repos/{owner}/{repo}/issues/{issue_number}"
BOX = re.compile(r"^- \[ \] (.*) <!-- box=(\w+) -->$", re.MULTILINE)


@dataclass
class Board:
    """A repository that keeps a dashboard issue."""

    world: World
    clock: Clock

    @property
    def issue(self) -> IssueRecord:
        [found] = [issue for issue in self.world.issues if issue.title == "Pipeline dashboard"]
        return found

    @property
    def body(self) -> str:
        return self.issue.body or ""

    async def drawn(self, *, later: float = 0.0) -> None:
        """What is due by then was drawn."""
        self.clock.ahead += later
        self.world.parts.database.wakeup.ring()
        await self.world.jobs(lambda jobs: not any(map(self._due, jobs)))

    def _due(self, job: JobListing) -> bool:
        if job.kind == "dashboard":
            return job.run_at_ms / 1000 <= self.clock()
        return job.kind in {"delivery", "refresh", "notify"}

    async def edit(self, body: str, *, sender: str = "octocat") -> None:
        """Somebody saves the issue with this body."""
        before, self.issue.body = self.body, body
        delivery = deliveries.issues(self.world.state, REPO, self.issue, "edited", sender=sender, before=before)
        assert await self.world.send(delivery) == 202
        assert await self.world.settled() == {}
        await self.drawn()

    async def tick(self, label: str, *, sender: str = "octocat") -> None:
        """A box whose label begins so."""
        [line] = [found[0] for found in BOX.finditer(self.body) if found[1].startswith(label)]
        await self.edit(self.body.replace(line, line.replace("[ ]", "[x]")), sender=sender)

    async def muted(self) -> bool:
        async with self.world.parts.database.read() as conn:
            prints = {"1-a851aea16090e88e"}
            return bool(await words.muted(conn, self.world.state.repository(REPO).id, prints, int(self.clock())))


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[Board]:
    clock = Clock()
    async with opened(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}", clock=clock) as world:
        world.state.put_file(REPO, PATH, "dashboard_issue: true\n")
        world.state.set_permission(REPO, "octocat", "write")
        world.state.set_permission(REPO, "reader", "triage")
        yield Board(world, clock)


async def test_one_issue_is_rewritten_in_place_and_not_too_often(board: Board) -> None:
    await board.world.fail()
    await board.drawn()
    first, number = board.body, board.issue.number
    assert "### Dashboard" in first
    assert [found[1].split(" ")[0] for found in BOX.finditer(first)] == ["Run", "Mute"]
    await board.world.complete(board.world.run("success"))
    await board.world.parts.upkeep.once(sweeping=False)
    await board.drawn()
    assert board.body == first
    board.clock.ahead += 901
    await board.world.parts.upkeep.once(sweeping=False)
    await board.drawn()
    assert (board.body != first, board.issue.number) == (True, number)
    assert BOX.findall(board.body) == []
    before = board.world.github.count("PATCH", PATCH)
    board.clock.ahead += 901
    await board.world.parts.upkeep.once(sweeping=False)
    await board.drawn()
    assert board.world.github.count("PATCH", PATCH) == before


async def test_a_tick_is_answered_by_its_effect_and_unticked(board: Board) -> None:
    await board.world.fail()
    await board.drawn()
    await board.tick("Run the failed jobs")
    assert board.world.github.count("POST", RERUN) == 1
    assert "[x]" not in board.body
    assert "`octocat` runs failed jobs again." in board.body
    await board.tick("Mute for a week")
    assert await board.muted()
    assert "[x]" not in board.body
    assert not any(found[1].startswith("Mute") for found in BOX.finditer(board.body))


async def test_who_may_not_write_ticks_nothing(board: Board) -> None:
    await board.world.fail()
    await board.drawn()
    await board.tick("Mute for a week", sender="reader")
    assert not await board.muted()
    await board.drawn(later=901)
    assert "[x]" not in board.body


async def test_forged_boxes_and_a_replaced_text_do_nothing_and_are_written_over(board: Board) -> None:
    await board.world.fail()
    await board.drawn()
    ours = board.body
    forged = "".join(f"- [x] Mute <!-- box={number:012x} -->\n" for number in range(1_000))
    await board.edit(f"<!-- pipeline-monitor kind=dashboard key=dashboard:1 -->\n{forged}")
    assert not await board.muted()
    assert board.world.github.count("POST", RERUN) == 0
    await board.drawn(later=901)
    assert BOX.findall(board.body) == BOX.findall(ours)
    assert "000000000001" not in board.body


async def test_a_copy_of_the_issue_is_not_ours(board: Board) -> None:
    await board.world.fail()
    await board.drawn()
    copy = board.world.state.add_issue(REPO, title="Mine", body=board.body, author="octocat")
    board.world.state.set_labels(board.world.state.repository(REPO), copy, ["pipeline-dashboard"])
    before, copy.body = board.body, board.body.replace("[ ]", "[x]")
    delivery = deliveries.issues(board.world.state, REPO, copy, "edited", before=before)
    assert await board.world.send(delivery) == 202
    await board.world.settled()
    assert not await board.muted()


async def test_a_programs_tick_is_no_command(board: Board) -> None:
    await board.world.fail()
    await board.drawn()
    await board.tick("Mute for a week", sender="pipeline-monitor[bot]")
    assert not await board.muted()


async def test_the_same_tick_delivered_twice_counts_once(board: Board) -> None:
    await board.world.fail()
    await board.drawn()
    before = board.body
    board.issue.body = before.replace("- [ ] Run", "- [x] Run")
    delivery = deliveries.issues(board.world.state, REPO, board.issue, "edited", before=before)
    assert [await board.world.send(delivery), await board.world.send(delivery)] == [202, 202]
    await board.world.settled()
    await board.drawn()
    assert board.world.github.count("POST", RERUN) == 1


async def test_a_repository_that_wants_none_has_none_and_a_green_run_costs_nothing(board: Board) -> None:
    board.world.state.put_file(REPO, PATH, "")
    await board.world.complete(board.world.run("success"))
    assert board.world.github.requests == []
    await board.world.fail()
    await board.drawn()
    assert not any(issue.title == "Pipeline dashboard" for issue in board.world.issues)
