"""How the rules fare: what people and re-runs say to what each decided."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from bot.cli.program import run
from tests.end_to_end.test_changes import BRANCH, typed
from tests.end_to_end.world import RUFF_LOG, World

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("beside")]


async def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The printed object; the server of the test logs to the same place."""
    capsys.readouterr()
    assert await asyncio.to_thread(run, ["rules", "--format", "json", *arguments]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(line)
    return found


async def test_hits_corrections_reruns_and_mutes_are_summed_up(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = await world.fail(branch=BRANCH)
    world.state.next_attempt(failed)
    world.job(failed, conclusion="success")
    world.state.complete(failed, "success")
    await world.complete(failed)
    await world.fail(branch=BRANCH)
    await typed(world, "/pipeline classify infrastructure")
    await world.fail(RUFF_LOG, branch="other")
    await typed(world, "/pipeline mute")
    answer = await asked(capsys)
    tallies = {one["rule"]: one for one in answer["rules"]}
    [pytest_rule] = [one for name, one in tallies.items() if name.startswith("pytest")]
    [lint_rule] = [one for name, one in tallies.items() if name.startswith("flake8")]
    assert (pytest_rule["hits"], pytest_rule["corrected"], pytest_rule["passed_again"]) == (2, 2, 1)
    assert (pytest_rule["corrected_share"], pytest_rule["muted"], pytest_rule["built_in"]) == (1.0, 0, True)
    assert (lint_rule["hits"], lint_rule["corrected"], lint_rule["muted"]) == (1, 0, 1)
    assert "gcc-error" in answer["never_fired"]
    assert lint_rule["rule"] not in answer["never_fired"]


async def test_the_worst_are_those_that_people_correct_most_among_those_with_enough_hits(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(5):
        await world.fail(RUFF_LOG, branch="other")
    await world.fail(branch=BRANCH)
    await typed(world, "/pipeline classify infrastructure")
    assert [one["rule"][:4] for one in (await asked(capsys, "--worst"))["rules"]] == ["flak"]
    for _ in range(4):
        await world.fail(branch=BRANCH)
    assert [one["rule"][:4] for one in (await asked(capsys, "--worst"))["rules"]] == ["pyte", "flak"]
    assert await asyncio.to_thread(run, ["rules", "--worst"]) == 0
    text = capsys.readouterr().out
    assert "5 (100%)" in text
    assert "rules never fired: " in text


def test_of_no_database_it_says_that_nothing_is_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules"]) == 0
    assert "No failure is recorded yet." in capsys.readouterr().out
