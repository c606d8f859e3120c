"""Whose turn it is: priorities, installations taking turns, lanes; the same on both engines."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select

from storage import inbox
from storage.database import Database
from storage.inbox_accept import Acceptor
from storage.inbox_claim import claim
from storage.model import ANSWER, HISTORY, RECORD, REPORT, Job
from storage.tables import DEAD, READY, jobs
from tests.storage.facts import make_delivery

NOW = 1_000_000


async def accept(database: Database, *wanted: tuple[str, int, str | None, int]) -> None:
    """Deliveries as (guid, installation, lane, priority), in the order of their arrival."""
    acceptor = Acceptor(database)
    made = [
        make_delivery(guid, lane, at_ms=place, installation_id=installation, priority=priority)
        for place, (guid, installation, lane, priority) in enumerate(wanted)
    ]
    await asyncio.gather(*(acceptor.accept(delivery) for delivery in made))


async def take(database: Database, limit: int = 1, **more: int) -> list[Job]:
    return await claim(database, owner="w1", now_ms=NOW, lease_ms=60_000, limit=limit, **more)


async def finish(database: Database, done: Sequence[Job]) -> None:
    for job in done:
        await database.write(lambda tx, job=job: inbox.complete(tx, job))  # type: ignore[misc]


async def order(database: Database, *, after: int = -1) -> list[str | None]:
    """The GUIDs one by one, each done before the next is taken, with the turns as a worker gives them."""
    found: list[str | None] = []
    while got := await take(database, after=after):
        found += [job.guid for job in got]
        after = got[-1].installation_id
        await finish(database, got)
    return found


async def test_an_answer_goes_before_reports_those_before_records_and_history_last(database: Database) -> None:
    await accept(
        database,
        ("history", 1, "repo:1:backfill", HISTORY),
        ("record", 1, None, RECORD),
        ("report", 1, "repo:1", REPORT),
        ("answer", 1, "repo:1:commands", ANSWER),
    )
    assert await order(database) == ["answer", "report", "record", "history"]


async def test_an_answer_of_one_installation_goes_before_the_report_of_every_other(database: Database) -> None:
    await accept(
        database,
        *((f"report {number}", number, f"repo:{number}", REPORT) for number in range(1, 6)),
        ("answer", 3, "repo:3:commands", ANSWER),
    )
    for after in (-1, 2, 3, 9):
        (job,) = await take(database, after=after)
        assert job.guid == "answer"
        await inbox.retry(database, job, at_ms=NOW, error="", counts=False)


async def test_one_job_of_an_installation_waits_for_one_of_each_other_however_many_they_have(
    database: Database,
) -> None:
    busy = [(f"a{number}", 1, f"repo:{number % 20}", REPORT) for number in range(500)]
    await accept(database, *busy, ("b", 2, "repo:900", REPORT), ("c", 3, "repo:901", REPORT))
    first = await take(database)
    await finish(database, first)
    assert first[0].installation_id == 1
    second = await take(database, after=1)
    third = await take(database, after=2)
    assert [job.guid for job in second + third] == ["b", "c"]
    assert [job.installation_id for job in await take(database, after=3)] == [1]


async def test_records_take_turns_too(database: Database) -> None:
    await accept(
        database, *((f"a{number}", 1, None, RECORD) for number in range(50)), ("b", 2, None, RECORD), ("c", 3, None, 2)
    )
    assert [job.guid for job in await take(database, limit=4)] == ["a0", "a1", "b", "c"]


async def test_within_an_installation_the_lane_that_waits_longest_goes_first(database: Database) -> None:
    await accept(
        database,
        ("z1", 1, "repo:9", REPORT),
        ("a1", 1, "repo:1", REPORT),
        ("z2", 1, "repo:9", REPORT),
        ("m1", 1, "repo:5", REPORT),
    )
    assert await order(database) == ["z1", "a1", "z2", "m1"]


async def test_lanes_that_cannot_run_do_not_hide_those_that_can(database: Database) -> None:
    blocked = [(f"a{number}", 1, f"repo:{number}", REPORT) for number in range(30)]
    await accept(database, *blocked, *((f"b{number}", 2, "repo:77", REPORT) for number in range(30)))
    later = jobs.update().where(jobs.c.guid.in_([guid for guid, *_ in blocked])).values(run_at_ms=NOW + 1)
    await database.write(lambda tx: tx.execute(later))
    (running,) = await take(database)
    assert running.guid == "b0"
    assert await take(database, limit=5) == []
    await accept(database, ("c", 3, "repo:88", REPORT), ("loose", 1, None, RECORD))
    assert [job.guid for job in await take(database, limit=5)] == ["c", "loose"]


async def test_records_that_wait_for_their_retry_hide_no_other(database: Database) -> None:
    await accept(database, *((f"a{number}", 1, None, RECORD) for number in range(20)), ("b", 2, None, RECORD))
    later = jobs.update().where(jobs.c.installation_id == 1, jobs.c.guid != "a7").values(run_at_ms=NOW + 1)
    await database.write(lambda tx: tx.execute(later))
    assert sorted(await order(database), key=str) == ["a7", "b"]


async def test_a_lane_stays_in_order_whatever_stands_in_its_jobs(database: Database) -> None:
    # A repository that went to another installation, and rows of a version that knew no priorities.
    await accept(
        database,
        ("g1", 5, "repo:1", HISTORY),
        ("g2", 1, "repo:1", REPORT),
        ("g3", 1, "repo:1", ANSWER),
        ("g4", 9, "repo:1", REPORT),
    )
    (first,) = await take(database, limit=8)
    assert first.guid == "g1"
    assert await take(database, limit=8) == []
    await finish(database, [first])
    assert await order(database) == ["g2", "g3", "g4"]


async def test_an_installation_that_is_left_out_gets_nothing_and_the_others_do(database: Database) -> None:
    busy = [(f"a{number}", 1, f"repo:{number}" if number % 2 else None, REPORT) for number in range(20)]
    await accept(database, *busy, ("b", 2, "repo:900", REPORT), ("c", 3, None, RECORD))
    assert [job.guid for job in await take(database, limit=8, skip=1)] == ["b", "c"]
    assert {job.installation_id for job in await take(database, limit=8, skip=1)} == set()
    assert len(await take(database, limit=8)) == 8


async def test_only_what_is_as_urgent_as_wanted_is_taken(database: Database) -> None:
    await accept(database, ("report", 1, "repo:1", REPORT), ("answer", 1, "repo:1:commands", ANSWER))
    assert [job.guid for job in await take(database, limit=8, most=ANSWER)] == ["answer"]
    assert await take(database, limit=8, most=ANSWER) == []


async def test_work_put_in_by_work_has_the_priority_it_was_given(database: Database) -> None:
    for dedupe, priority in (("past", HISTORY), ("now", REPORT)):
        put: dict[str, Any] = {"kind": "x", "dedupe": dedupe, "lane": dedupe, "args": b"", "run_at_ms": NOW}
        await database.write(lambda tx, put=put, priority=priority: inbox.enqueue(tx, **put, priority=priority))  # type: ignore[misc]
    found = [await take(database) for _ in range(2)]
    assert [job.lane for (job,) in found] == ["now", "past"]
    assert [job.priority for (job,) in found] == [REPORT, HISTORY]


@pytest.mark.parametrize("seed", range(3))
async def test_everything_is_worked_off_whatever_is_in_the_inbox(database: Database, seed: int) -> None:
    dice = random.Random(seed)
    lanes = [None, *(f"repo:{number}" for number in range(12))]
    mixed = [(f"g{number}", dice.randint(0, 6), dice.choice(lanes), dice.randint(0, 3)) for number in range(90)]
    await accept(database, *mixed)
    oldest: dict[str, list[str]] = {}
    for guid, _, lane, _ in mixed:
        if lane is not None:
            oldest.setdefault(lane, []).append(guid)
    held: list[Job] = []
    after = -1
    while got := await take(database, limit=dice.randint(1, 5), after=after) or held:
        if got is not held:
            held += got
            after = got[-1].installation_id
        dice.shuffle(held)
        done, held = held[:4], held[4:]
        for job in done:
            if job.lane is not None:
                assert oldest[job.lane].pop(0) == job.guid
        await finish(database, done)
    async with database.read() as conn:
        assert (await conn.execute(select(jobs.c.id).where(jobs.c.state.in_([READY, DEAD])))).all() == []


async def test_workers_side_by_side_leave_nothing_and_share_nothing(database: Database) -> None:
    await accept(
        database,
        *((f"g{number}", number % 5, f"repo:{number % 17}" if number % 3 else None, REPORT) for number in range(120)),
    )
    seen: list[str | None] = []

    async def worker(owner: str) -> None:
        after, empty = -1, 0
        while empty < 3:
            got = await claim(database, owner=owner, now_ms=NOW, lease_ms=60_000, limit=3, after=after)
            empty = 0 if got else empty + 1
            seen.extend(job.guid for job in got)
            after = got[-1].installation_id if got else after
            await finish(database, got)

    await asyncio.gather(*(worker(f"w{number}") for number in range(4)))
    seen += await order(database)
    assert sorted(map(str, seen)) == sorted(f"g{number}" for number in range(120))
