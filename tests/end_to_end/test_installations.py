"""Who has the App, and on which repositories."""

from __future__ import annotations

from bot.demo import deliveries, users
from storage import installations
from tests.end_to_end.world import REPO, World


async def told(world: World, delivery: object) -> None:
    assert await world.send(delivery) == 202  # type: ignore[arg-type]
    assert await world.settled() == {}


async def test_an_installation_and_its_repositories_are_known_suspended_and_removed(world: World) -> None:
    [number] = world.state.installations
    repo_id = world.state.repository(REPO).id
    await told(world, deliveries.installation(world.state, number, "created"))
    async with world.parts.database.read() as conn:
        known = await installations.installation(conn, number)
        repository = await installations.repository(conn, repo_id)
    assert known is not None
    assert known.account == "octo"
    assert known.suspended_at is None
    assert repository is not None
    assert repository.full_name == REPO

    await told(world, deliveries.installation(world.state, number, "suspend"))
    async with world.parts.database.read() as conn:
        known = await installations.installation(conn, number)
    assert known is not None
    assert known.suspended_at is not None

    await told(world, deliveries.installation(world.state, number, "unsuspend"))
    await told(world, users.uninstall(world.state, number))
    async with world.parts.database.read() as conn:
        known = await installations.installation(conn, number)
        repository = await installations.repository(conn, repo_id)
    assert known is not None
    assert known.suspended_at is None
    assert known.removed_at is not None
    assert repository is not None
    assert repository.removed_at is not None


async def test_repositories_are_added_and_removed(world: World) -> None:
    number = world.state.install("octo", [REPO])
    world.state.add_repository("octo/more", private=True)
    more = world.state.repository("octo/more").id
    await told(world, users.change_repositories(world.state, number, "octo/more"))
    async with world.parts.database.read() as conn:
        repository = await installations.repository(conn, more)
    assert repository is not None
    assert repository.private
    await told(world, users.change_repositories(world.state, number, "octo/more", added=False))
    async with world.parts.database.read() as conn:
        repository = await installations.repository(conn, more)
    assert repository is not None
    assert repository.removed_at is not None


async def test_a_suspended_installation_ends_the_work_with_its_reason(world: World) -> None:
    [record] = world.state.installations.values()
    record.suspended_at = world.state.now()
    run = world.run()
    world.job(run)
    await world.send_run(run)
    [reason] = (await world.settled()).values()
    assert "suspended" in reason


async def test_a_ping_is_answered(world: World) -> None:
    await told(world, deliveries.ping(world.state))
    assert world.github.requests == []
