"""Tasks are found by how their names begin, on either engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import schedules

if TYPE_CHECKING:
    from storage.database import Database


async def test_tasks_are_found_by_the_beginning_of_their_names(database: Database) -> None:
    for name in ("dashboard:7", "dashboard:12", "dashboards", "warning:1:1-abc:7:7:9", "digests"):
        await database.write(lambda tx, name=name: schedules.put(tx, name, 1_000, 900))  # type: ignore[misc]
    async with database.read() as conn:
        assert sorted(await schedules.named(conn, "dashboard:")) == ["dashboard:12", "dashboard:7"]
        assert await schedules.named(conn, "warning:1:1-abc:") == ["warning:1:1-abc:7:7:9"]
        assert await schedules.overdue(conn, "dashboard:", 1_899) == []
        assert sorted(await schedules.overdue(conn, "dashboard:", 1_900)) == [
            ("dashboard:12", 1_000),
            ("dashboard:7", 1_000),
        ]


async def test_a_forgotten_task_is_due_at_no_time(database: Database) -> None:
    await database.write(lambda tx: schedules.put(tx, "dashboard:7", 1_000, 900))
    await database.write(lambda tx: schedules.forget(tx, "dashboard:7"))
    async with database.read() as conn:
        assert await schedules.next_at(conn, "dashboard:7") is None
