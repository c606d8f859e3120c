"""Installations and repositories: known, suspended, removed, renamed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from storage import installations
from storage.model import Installation, Repository

if TYPE_CHECKING:
    from storage.database import Database

ACME = Installation(id=1, account="acme", account_type="Organization")
SHOP = Repository(id=100, installation_id=1, full_name="acme/shop", private=True, default_branch="main")
API = replace(SHOP, id=101, full_name="acme/API", private=False)


async def _setup(database: Database) -> None:
    await database.write(lambda tx: installations.save_installation(tx, ACME))
    await database.write(lambda tx: installations.save_repositories(tx, [SHOP, API]))


async def _names(database: Database) -> list[str]:
    async with database.read() as conn:
        return [one.full_name for one in await installations.repositories_of(conn, 1)]


async def test_repositories_are_found_by_id_and_by_name_in_any_case(database: Database) -> None:
    await _setup(database)
    async with database.read() as conn:
        assert await installations.installation(conn, 1) == ACME
        assert await installations.repository(conn, 100) == SHOP
        assert await installations.repository_named(conn, "ACME/api") == API
        assert await installations.repository_named(conn, "acme/none") is None


async def test_a_renamed_repository_keeps_its_id(database: Database) -> None:
    await _setup(database)
    await database.write(lambda tx: installations.save_repositories(tx, [replace(SHOP, full_name="acme/store")]))
    assert sorted(await _names(database)) == ["acme/API", "acme/store"]


async def test_a_payload_without_the_default_branch_does_not_forget_it(database: Database) -> None:
    await _setup(database)
    await database.write(lambda tx: installations.save_repositories(tx, [replace(SHOP, default_branch="")]))
    async with database.read() as conn:
        assert await installations.repository(conn, 100) == SHOP


async def test_a_name_given_anew_means_the_repository_in_reach(database: Database) -> None:
    await _setup(database)
    await database.write(lambda tx: installations.remove_repositories(tx, [100], 50))
    await database.write(lambda tx: installations.save_repositories(tx, [replace(SHOP, id=102)]))
    async with database.read() as conn:
        found = await installations.repository_named(conn, "acme/shop")
    assert found is not None
    assert found.id == 102


async def test_a_removed_installation_takes_its_repositories_with_it(database: Database) -> None:
    await _setup(database)
    await database.write(lambda tx: installations.remove_installation(tx, 1, 60))
    assert await _names(database) == []
    async with database.read() as conn:
        assert await installations.installation(conn, 1) == replace(ACME, removed_at=60)


async def test_a_suspension_is_noted_and_lifted(database: Database) -> None:
    await _setup(database)
    for at in (70, None):
        await database.write(lambda tx, at=at: installations.suspend(tx, 1, at))  # type: ignore[misc]
        async with database.read() as conn:
            assert await installations.installation(conn, 1) == replace(ACME, suspended_at=at)
