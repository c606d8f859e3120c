"""A failure on the default branch says between which commits it came in, and whether the failing place changed."""

from __future__ import annotations

import pytest

from bot.demo.github.faults import Fault
from bot.demo.github.records import RunRecord
from tests.end_to_end.test_conclusions import calls
from tests.end_to_end.world import PYTEST_LOG, REPO, RUFF_LOG, World

pytestmark = pytest.mark.slow

COMPARE = "/repos/{owner}/{repo}/compare/{basehead}"


async def green(world: World) -> RunRecord:
    run = world.run("success")
    await world.complete(run)
    return run


async def warm(world: World) -> None:
    """A failure elsewhere: the configuration and the App's name are known after it."""
    await world.fail(RUFF_LOG, branch="warm")
    world.github.requests.clear()


def change(world: World, *files: str) -> None:
    world.state.add_commit(REPO, message="Round differently", author="mallory", files=files)


async def test_the_failing_place_is_named_where_it_changed(world: World) -> None:
    await green(world)
    await warm(world)
    change(world, "README.md", "tests/test_cart.py")
    await world.fail()
    body = world.issues[-1].body or ""
    assert "2 files in 1 commit: `tests/test_cart.py`, `README.md`" in body
    assert "The failing place `tests/test_cart.py` **is among them**" in body
    assert "mallory" not in body
    assert calls(world) <= 6


async def test_a_place_that_did_not_change_is_said_not_to(world: World) -> None:
    await green(world)
    await warm(world)
    change(world, "deploy/values.yaml")
    await world.fail()
    body = world.issues[-1].body or ""
    assert "The failing place `tests/test_cart.py` is not among them" in body


async def test_the_range_is_asked_for_once(world: World) -> None:
    await green(world)
    await warm(world)
    change(world, "tests/test_cart.py")
    await world.fail()
    change(world, "other.py")
    await world.fail()
    assert world.github.count("GET", COMPARE) == 1
    assert "**is among them**" in (world.issues[-1].body or "")


async def test_a_run_that_has_spent_its_calls_leaves_the_look_out(world: World) -> None:
    await green(world)
    change(world, "tests/test_cart.py")
    await world.fail()
    assert calls(world) == 6
    assert world.github.count("GET", COMPARE) == 0
    assert "(last green)" in (world.issues[-1].body or "")


async def test_a_branch_that_is_not_the_default_one_is_not_compared(world: World) -> None:
    await warm(world)
    run = world.run("success", branch="release/1")
    await world.complete(run)
    world.state.add_commit(REPO, branch="release/1", files=("tests/test_cart.py",))
    await world.fail(branch="release/1")
    assert world.github.count("GET", COMPARE) == 0


async def test_a_job_that_passed_in_a_red_run_in_between_narrows_the_range(world: World) -> None:
    first = await green(world)
    await warm(world)
    change(world, "lint.py")
    between = world.run()
    world.job(between, RUFF_LOG, "lint")
    world.job(between, None, "test", conclusion="success")
    await world.complete(between)
    change(world, "tests/test_cart.py")
    await world.fail()
    body = world.issues[-1].body or ""
    assert f"after [`{first.head_sha[:7]}`]" in body
    assert f"and after [`{between.head_sha[:7]}`]" in body
    assert "where this job still passed" in body
    assert f"/compare/{between.head_sha}..." in body


async def test_a_run_in_between_that_cannot_tell_is_counted(world: World) -> None:
    await green(world)
    change(world, "a.py")
    await world.complete(world.run("cancelled"))
    change(world, "b.py")
    await world.fail()
    assert "1 run in between cannot tell" in (world.issues[-1].body or "")


async def test_what_passed_and_failed_on_one_commit_is_explained_by_no_change(world: World) -> None:
    await green(world)
    await world.fail()
    assert "no change of the code explains it" in (world.issues[-1].body or "")


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_a_look_that_fails_is_tried_once_and_changes_nothing(world: World, status: int) -> None:
    await green(world)
    await warm(world)
    change(world, "tests/test_cart.py")
    world.github.faults.plan(Fault(f"GET {COMPARE}", "answer", status=status))
    await world.fail(PYTEST_LOG)
    assert world.github.count("GET", COMPARE) == 1
    assert "(last green)" in (world.issues[-1].body or "")
