"""People teach a known failure by a pattern: tried first, refused where too broad, counting once confirmed."""

from __future__ import annotations

import re

import pytest

from storage import known
from storage.known import Known
from tests.end_to_end.test_changes import BRANCH, typed
from tests.end_to_end.test_conclusions import failures_of
from tests.end_to_end.world import PYTEST_LOG, REPO, Clock, World, opened

pytestmark = pytest.mark.slow

DAY = 86_400
MIRROR_LOG = """2026-11-20T10:00:01.0000000Z ##[group]Run make data
2026-11-20T10:00:01.3000000Z ##[endgroup]
2026-11-20T10:00:02.0000000Z fetched 12 of 40 pieces from the mirror in Oslo
2026-11-20T10:00:03.0000000Z the mirror in Oslo gave up on piece 13
2026-11-20T10:00:04.0000000Z ##[error]Process completed with exit code 1.
"""
GREEN_LOG = """2026-11-20T10:00:01.0000000Z ##[group]Run make data
2026-11-20T10:00:01.3000000Z ##[endgroup]
2026-11-20T10:00:02.0000000Z fetched 40 of 40 pieces from the mirror in Oslo
"""


async def green(world: World) -> None:
    run = world.run("success")
    world.job(run, GREEN_LOG, conclusion="success")
    await world.complete(run)


async def taught(world: World) -> list[Known]:
    repo_id = world.state.repository(REPO).id
    async with world.parts.database.read() as conn:
        return await known.taught(conn, repo_id)


async def test_a_pattern_is_tried_on_failures_and_green_logs_and_counts_once_confirmed(world: World) -> None:
    await green(world)
    await world.fail(MIRROR_LOG, branch=BRANCH)
    await world.fail(PYTEST_LOG, branch="other")
    _, looking, studied = await typed(world, '/pipeline known "gave up on piece [0-9]+" infrastructure')
    assert "Until somebody confirms it, it counts for nothing." in looking.body
    assert "It matches 1 of 2 recorded failures and 0 of 1 green log." in studied.body
    [one] = await taught(world)
    assert (one.state, one.category, one.by, one.matched) == ("proposed", "infrastructure", "maintainer", 1)
    await world.fail(MIRROR_LOG, branch=BRANCH)
    assert not any((each.rule or "").startswith("own/known") for each in await failures_of(world))
    _, confirmed = await typed(world, f"/pipeline known confirm {one.id}")
    assert "Confirmed by `maintainer`" in confirmed.body
    identity = (await failures_of(world))[0].fingerprint
    await world.fail(MIRROR_LOG, branch=BRANCH)
    shown = [each for each in await failures_of(world) if each.rule == f"own/known-{one.id}"]
    assert [(each.category, each.fingerprint) for each in shown] == [("infrastructure", identity)]
    _, listed = await typed(world, "/pipeline known")
    assert f"| {one.id} |" in listed.body.replace("`", "")
    assert "| counts |" in listed.body
    await typed(world, f"/pipeline known remove {one.id}")
    assert await taught(world) == []
    await world.fail(MIRROR_LOG, branch=BRANCH)
    assert len([each for each in await failures_of(world) if each.rule == f"own/known-{one.id}"]) == 1


async def test_what_matches_more_than_a_tenth_of_the_green_logs_is_refused(world: World) -> None:
    await green(world)
    await world.fail(MIRROR_LOG, branch=BRANCH)
    _, _, studied = await typed(world, '/pipeline known "mirror in Oslo" infrastructure')
    assert "Refused: it is too broad. It matches 1 of 1 logs of jobs that passed" in studied.body
    [one] = await taught(world)
    assert one.state == "refused"
    _, answer = await typed(world, f"/pipeline known confirm {one.id}")
    assert "cannot be confirmed: it is refused" in answer.body


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [("(?=look)around", "no RE2 syntax"), ("(a{1,99}){1,99}", "refused"), (".*", "matches even an empty line")],
)
async def test_what_is_no_pattern_or_too_large_is_refused_at_once(world: World, pattern: str, reason: str) -> None:
    question, answer = await typed(world, f'/pipeline known "{pattern}" build')
    assert reason in answer.body
    assert [reaction.content for reaction in question.reactions] == ["eyes", "confused"]
    assert await taught(world) == []


async def test_who_may_not_write_teaches_nothing(world: World) -> None:
    _, answer = await typed(world, '/pipeline known "gave up" build', author="stranger")
    assert "needs **write** permission" in answer.body
    assert await taught(world) == []


@pytest.mark.parametrize(("who", "state"), [("maintainer", "counts"), ("stranger", "proposed")])
async def test_a_thumbs_up_counts_by_the_permission_of_who_gave_it(
    tmp_path_factory: pytest.TempPathFactory, who: str, state: str
) -> None:
    folder, clock = tmp_path_factory.mktemp("world"), Clock()
    async with opened(folder, f"sqlite:///{folder / 'pipeline.db'}", clock=clock) as world:
        await world.fail(MIRROR_LOG, branch=BRANCH)
        conversation = await typed(world, '/pipeline known "gave up on piece [0-9]+" infrastructure')
        world.state.react(conversation[-1].reactions, world.state.user(who), "+1")
        clock.ahead = 120
        await world.parts.upkeep.once()
        [one] = await taught(world)
        assert one.state == state
        assert (f"Confirmed by `{who}`" in conversation[-1].body) is (state == "counts")


async def test_nobody_confirms_it_for_a_week_and_it_expires(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, clock = tmp_path_factory.mktemp("world"), Clock()
    async with opened(folder, f"sqlite:///{folder / 'pipeline.db'}", clock=clock) as world:
        await world.fail(MIRROR_LOG, branch=BRANCH)
        await typed(world, '/pipeline known "gave up on piece [0-9]+" infrastructure')
        before = calls(world)
        for day in range(1, 20):
            clock.ahead = day * DAY
            await world.parts.upkeep.once()
        [one] = await taught(world)
        assert one.state == "expired"
        assert calls(world) - before == 8


async def test_what_matched_nothing_for_ninety_days_retires(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, clock = tmp_path_factory.mktemp("world"), Clock()
    async with opened(folder, f"sqlite:///{folder / 'pipeline.db'}", clock=clock) as world:
        await world.fail(MIRROR_LOG, branch=BRANCH)
        await typed(world, '/pipeline known "gave up on piece [0-9]+" infrastructure')
        [one] = await taught(world)
        await typed(world, f"/pipeline known confirm {one.id}")
        states = []
        for day in (89, 92):
            clock.ahead = day * DAY
            await world.parts.upkeep.once()
            states += [each.state for each in await taught(world)]
        assert states == ["counts", "retired"]


async def test_without_a_category_it_is_that_of_most_of_what_it_matches(world: World) -> None:
    await world.fail(PYTEST_LOG, branch=BRANCH)
    _, _, studied = await typed(world, '/pipeline known "FAILED tests/test_cart"')
    assert "category **testing**" in studied.body
    _, _, studied = await typed(world, '/pipeline known "never seen"')
    assert "name one after the pattern" in studied.body


async def test_near_misses_are_named(world: World) -> None:
    await world.fail("src/main.c:4:1: error: unknown type name 'customer_account'\n", branch=BRANCH)
    await world.fail("src/main.c:4:1: error: unknown type name 'customer_accounts'\n", branch="other")
    conversation = await typed(world, "/pipeline known \"type name 'customer_account'\" build")
    assert re.search(r"Near misses.*customer_accounts", conversation[-1].body, re.DOTALL)


def calls(world: World) -> int:
    """How often the reactions to a comment were asked for."""
    return sum("/reactions" in call.path and call.method == "GET" for call in world.github.requests)
