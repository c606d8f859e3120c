"""Stored verdicts are read again by today's rules, and people's words stay."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import update

from bot.cli.program import run
from classifiers.builtin import builtin_version
from storage.database import Database
from storage.tables import pipeline_failures
from tests.end_to_end.test_changes import BRANCH, done, typed
from tests.end_to_end.test_conclusions import failures_of
from tests.end_to_end.world import World

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("beside")]

_failures = pipeline_failures.c
OLD = {
    "rule_set": "older",
    "category": "build",
    "rule": "a-rule-of-before",
    "message": "something failed",
    "fingerprint": "1-0123456789abcdef",
    "pattern": "1-0123456789abcdef",
}


async def grow_old(database: Database, **more: Any) -> None:
    """As if an older program had judged everything."""
    await database.write(lambda tx: tx.execute(update(pipeline_failures).values(**(OLD | more))))


async def called(arguments: list[str]) -> int:
    """The command as a process of its own would run it, beside the server."""
    return await asyncio.to_thread(run, ["reclassify", *arguments])


def answer_of(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The object that was printed; the server of the test logs to the same place."""
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(line)
    return found


async def test_what_is_judged_now_says_by_which_rules(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    await world.fail(branch=BRANCH)
    [failure] = await failures_of(world)
    assert failure.rule_set == builtin_version()
    assert await called(["--format", "json"]) == 0
    assert answer_of(capsys)["read"] == 0


async def test_a_dry_run_shows_from_what_to_what_and_changes_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.fail(branch=BRANCH)
    await grow_old(world.parts.database)
    before = await failures_of(world)
    assert await called(["--dry-run"]) == 0
    text = capsys.readouterr().out
    assert "build (a-rule-of-before)" in text
    assert "testing (pytest" in text
    assert "1 failures of other rule sets read again, 1 would change. Logs are not kept" in text
    assert await failures_of(world) == before


async def test_new_verdicts_are_stored_and_patterns_and_mutes_follow(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.fail(branch=BRANCH)
    await world.fail(branch=BRANCH)
    right = (await failures_of(world))[0]
    await grow_old(world.parts.database)
    await typed(world, "/pipeline mute")
    assert await called(["--format", "json"]) == 0
    answer = answer_of(capsys)
    assert (answer["read"], answer["changed"], answer["changes"][0]["count"]) == (2, 2, 2)
    for failure in await failures_of(world):
        assert (failure.category, failure.rule) == (right.category, right.rule)
        assert (failure.message, failure.fingerprint) == (right.message, right.fingerprint)
        assert failure.rule_set == builtin_version()
    _, answered = await typed(world, "/pipeline notify")
    assert "this failure is muted here" in answered.body
    assert await called(["--format", "json"]) == 0
    assert answer_of(capsys)["read"] == 0


async def test_a_category_that_a_person_gave_stays(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    await world.fail(branch=BRANCH)
    await grow_old(world.parts.database)
    await typed(world, "/pipeline classify infrastructure")
    await done(world)
    assert await called([]) == 0
    assert "1 of them keep the category that people gave them." in capsys.readouterr().out
    [failure] = await failures_of(world)
    assert failure.category == "infrastructure"
    assert failure.rule is not None
    assert failure.rule.startswith("pytest")
    await world.fail(branch=BRANCH)
    assert {one.category for one in await failures_of(world)} == {"infrastructure"}


async def test_where_the_excerpt_is_gone_the_message_is_read_and_that_is_said(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.fail(branch=BRANCH)
    message = "FAILED tests/test_cart.py::test_total - assert 3 == 4"
    await grow_old(world.parts.database, excerpt="", message=message)
    assert await called(["--dry-run"]) == 0
    assert "of 1 only the message is left" in capsys.readouterr().out


async def test_an_excerpt_that_says_little_changes_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    await world.fail(branch=BRANCH)
    words = "nothing that any rule knows"
    await grow_old(world.parts.database, excerpt=words, message=words, rule="gcc-error")
    assert await called(["--format", "json"]) == 0
    assert answer_of(capsys)["changed"] == 0
    [failure] = await failures_of(world)
    assert (failure.rule, failure.rule_set) == ("gcc-error", builtin_version())


async def test_since_takes_a_time_and_a_wrong_one_is_named(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    await world.fail(branch=BRANCH)
    await grow_old(world.parts.database, detected_at=1_700_000_000)
    assert await called(["--since", "7d", "--format", "json"]) == 0
    assert answer_of(capsys)["read"] == 0
    assert await called(["--since", "soon"]) == 2
    assert "--since" in capsys.readouterr().err
