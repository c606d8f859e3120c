"""Accepting, claiming, completing; lanes, leases and fences."""

from __future__ import annotations

import asyncio
import os
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, func, select

from storage import inbox
from storage.database import Database
from storage.errors import DatabaseUnavailable, InboxFull, LeaseLost
from storage.inbox_accept import Acceptor
from storage.inbox_admin import census, drop, list_jobs, next_due_ms, revive
from storage.inbox_claim import claim
from storage.schedules import due
from storage.tables import deliveries, jobs
from tests.storage.facts import make_delivery

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.inbox_admin import Census
    from storage.model import Job

NOW = 1_000_000
LEASE = 60_000


async def _accept(database: Database, *guids: str, lane: str | None = "100") -> list[bool]:
    acceptor = Acceptor(database)
    made = [make_delivery(guid, lane, at_ms=place) for place, guid in enumerate(guids)]
    return list(await asyncio.gather(*(acceptor.accept(delivery) for delivery in made)))


async def _claim(database: Database, limit: int = 1, owner: str = "w1", now_ms: int = NOW) -> list[Job]:
    return await claim(database, owner=owner, now_ms=now_ms, lease_ms=LEASE, limit=limit)


async def _census(database: Database) -> Census:
    async with database.read() as conn:
        return await census(conn)


async def _finish(database: Database, job: Job) -> None:
    await database.write(lambda tx: inbox.complete(tx, job))


async def _kill(database: Database) -> int:
    """Makes the next ready job dead and returns its id."""
    (job,) = await _claim(database)
    await inbox.bury(database, job, "beyond repair")
    return job.id


def _guids(jobs: Sequence[Job]) -> list[str | None]:
    return [job.guid for job in jobs]


async def test_an_accepted_delivery_comes_back_as_it_was(database: Database) -> None:
    body = b'{"action":"completed","text":"' + "ü".encode() * 50_000 + b'"}'
    assert await Acceptor(database).accept(make_delivery("g1", body=body))
    (job,) = await _claim(database)
    assert (job.payload, job.event, job.guid, job.attempt) == (body, "workflow_run", "g1", 1)


async def test_a_delivery_sent_twice_is_worked_on_once(database: Database) -> None:
    assert await _accept(database, "g1") == [True]
    assert await _accept(database, "g1") == [False]
    assert (await _census(database)).ready == 1


async def test_a_delivery_sent_again_after_it_was_done_is_not_worked_on(database: Database) -> None:
    await _accept(database, "g1")
    await _finish(database, (await _claim(database))[0])
    assert await _accept(database, "g1") == [False]
    assert await _claim(database) == []


async def test_the_same_delivery_twice_in_one_commit_is_new_once(database: Database) -> None:
    assert sorted(await _accept(database, "g1", "g1", "g2")) == [False, True, True]


async def test_deliveries_that_arrive_together_share_commits(database: Database) -> None:
    acceptor, before = Acceptor(database), database.wakeup.ticket
    await asyncio.gather(*(acceptor.accept(make_delivery(f"g{number}")) for number in range(300)))
    assert (await _census(database)).ready == 300
    assert database.wakeup.ticket - before <= 3


async def test_a_redelivery_of_a_dead_delivery_wakes_it(database: Database) -> None:
    await _accept(database, "g1")
    await _kill(database)
    assert await _accept(database, "g1") == [True]
    (job,) = await _claim(database)
    assert job.guid == "g1"


async def test_a_delivery_whose_sender_went_away_is_kept(database: Database) -> None:
    acceptor = Acceptor(database)
    sender = asyncio.create_task(acceptor.accept(make_delivery("g1")))
    await asyncio.sleep(0)
    sender.cancel()
    await asyncio.gather(sender, return_exceptions=True)
    await acceptor.accept(make_delivery("g2"))
    assert (await _census(database)).ready == 2


async def test_a_full_inbox_refuses_and_takes_again_when_there_is_room(database: Database) -> None:
    acceptor = Acceptor(database, capacity=2)
    await acceptor.accept(make_delivery("g1"))
    await acceptor.accept(make_delivery("g2"))
    with pytest.raises(InboxFull):
        await acceptor.accept(make_delivery("g3"))
    await _finish(database, (await _claim(database))[0])
    assert await acceptor.accept(make_delivery("g3"))


async def test_a_burst_never_goes_beyond_the_capacity(database: Database) -> None:
    acceptor = Acceptor(database, capacity=10, batch=4)
    sent = (acceptor.accept(make_delivery(f"g{number}")) for number in range(40))
    answers = await asyncio.gather(*sent, return_exceptions=True)
    taken = [answer for answer in answers if answer is True]
    refused = [answer for answer in answers if isinstance(answer, InboxFull)]
    assert len(taken) + len(refused) == 40
    assert len(taken) == (await _census(database)).ready <= 10


async def test_a_group_that_cannot_be_committed_is_refused_as_a_whole(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path / 'pipeline.db'}")
    await database.migrate()
    await database.write(lambda tx: tx.exec_driver_sql("PRAGMA max_page_count=1"))
    acceptor = Acceptor(database)
    sent = (acceptor.accept(make_delivery(f"g{number}", body=os.urandom(9000))) for number in range(50))
    answers = await asyncio.gather(*sent, return_exceptions=True)
    assert {type(answer) for answer in answers} == {DatabaseUnavailable}
    await database.write(lambda tx: tx.exec_driver_sql("PRAGMA max_page_count=100000"))
    assert await acceptor.accept(make_delivery("g1"))
    assert (await _census(database)).ready == 1
    await database.close()


async def test_jobs_of_one_lane_run_one_at_a_time_oldest_first(database: Database) -> None:
    await _accept(database, "g1", "g2", "g3", lane="100")
    (first,) = await _claim(database, limit=5)
    assert first.guid == "g1"
    assert await _claim(database) == []
    await _finish(database, first)
    assert _guids(await _claim(database, limit=5)) == ["g2"]


async def test_lanes_do_not_wait_for_each_other(database: Database) -> None:
    await _accept(database, "a1", "a2", lane="a")
    await _accept(database, "b1", lane="b")
    assert sorted(map(str, _guids(await _claim(database, limit=5)))) == ["a1", "b1"]


async def test_jobs_without_a_lane_run_side_by_side(database: Database) -> None:
    await _accept(database, "g1", "g2", lane=None)
    assert _guids(await _claim(database, limit=5)) == ["g1", "g2"]


async def test_an_older_job_that_waits_for_its_retry_keeps_its_lane_in_order(database: Database) -> None:
    await _accept(database, "g1", "g2")
    (job,) = await _claim(database)
    assert await inbox.retry(database, job, at_ms=NOW + 5000, error="502", counts=True)
    assert await _claim(database) == []
    (again,) = await _claim(database, now_ms=NOW + 5000)
    assert (again.guid, again.attempt) == ("g1", 2)


async def test_a_dead_job_does_not_block_its_lane(database: Database) -> None:
    await _accept(database, "g1", "g2")
    await _kill(database)
    assert _guids(await _claim(database)) == ["g2"]


async def test_claims_at_once_never_share_a_job_or_a_lane(database: Database) -> None:
    for lane in "abcde":
        await _accept(database, *(f"{lane}{number}" for number in range(4)), lane=lane)
    claims = (_claim(database, limit=2, owner=f"w{number}") for number in range(12))
    claimed = [job for jobs in await asyncio.gather(*claims) for job in jobs]
    assert len({job.id for job in claimed}) == len(claimed)
    assert sorted(str(job.lane) for job in claimed) == ["a", "b", "c", "d", "e"]


async def test_a_job_is_given_up_after_eight_attempts_with_its_reason(database: Database) -> None:
    await _accept(database, "g1")
    outcomes = []
    for _ in range(8):
        (job,) = await _claim(database)
        outcomes.append(await inbox.retry(database, job, at_ms=NOW, error="it broke", counts=True))
    assert outcomes == [True] * 7 + [False]
    async with database.read() as conn:
        (dead,) = await list_jobs(conn, "dead", 10)
    assert (dead.last_error, dead.attempts, dead.guid) == ("it broke", 8, "g1")


async def test_a_wait_that_github_asked_for_uses_up_no_attempt(database: Database) -> None:
    await _accept(database, "g1")
    for _ in range(20):
        (job,) = await _claim(database)
        assert await inbox.retry(database, job, at_ms=NOW, error="rate limit", counts=False)
    for _ in range(7):
        (job,) = await _claim(database)
        assert await inbox.retry(database, job, at_ms=NOW, error="502", counts=True)
    (job,) = await _claim(database)
    assert not await inbox.retry(database, job, at_ms=NOW, error="502", counts=True)


async def _die(database: Database, limit: int = 1) -> list[Job]:
    """Everything that is due is claimed, and the process dies; long after, whatever is left may be claimed again."""
    later = NOW + await _deaths(database) * 10 * LEASE
    claimed = await _claim(database, limit, now_ms=later)
    assert await inbox.reap(database, later + LEASE + 1) == len(claimed) > 0
    return claimed


async def _deaths(database: Database) -> int:
    async with database.read() as conn:
        return int((await conn.execute(select(func.coalesce(func.sum(jobs.c.attempts), 0)))).scalar_one())


async def test_a_job_that_kills_its_process_every_time_ends_up_dead_with_that_reason(database: Database) -> None:
    await _accept(database, "g1")
    for _ in range(inbox.MAX_DEATHS - 1):
        await _die(database)
    assert (await _census(database)).dead == 0
    await _die(database)
    async with database.read() as conn:
        (dead,) = await list_jobs(conn, "dead", 10)
    assert dead.last_error == "its process died while it ran (16 in a row)"


async def test_a_job_whose_process_is_killed_now_and_then_is_not_given_up(database: Database) -> None:
    await _accept(database, "g1")
    for _ in range(5):
        for _ in range(inbox.MAX_DEATHS - 1):
            await _die(database)
        (job,) = await _claim(database, now_ms=NOW + await _deaths(database) * 10 * LEASE)
        assert await inbox.retry(database, job, at_ms=NOW, error="502", counts=True)
    for left in (True, True, False):
        (job,) = await _claim(database, now_ms=NOW + await _deaths(database) * 10 * LEASE)
        assert await inbox.retry(database, job, at_ms=NOW, error="502", counts=True) is left


async def test_what_died_together_comes_back_apart(database: Database) -> None:
    guids = [f"g{number}" for number in range(7)]
    for place, guid in enumerate(guids):
        await _accept(database, guid, lane=str(place))
    for _ in range(8):
        assert len(await _die(database, 7)) == 7
    async with database.read() as conn:
        due = sorted(job.run_at_ms for job in await list_jobs(conn, "waiting", 10))
    assert min(after - before for before, after in pairwise(due)) > 5_000


async def test_a_revived_job_is_given_as_many_deaths_again(database: Database) -> None:
    await _accept(database, "g1")
    for _ in range(inbox.MAX_DEATHS):
        (job,) = await _die(database)
    assert await database.write(lambda tx: revive(tx, [job.id], NOW)) == [job.id]
    for _ in range(inbox.MAX_DEATHS - 1):
        await _die(database)
    assert (await _census(database)).dead == 0


async def test_a_zombie_cannot_complete_what_another_worker_holds(database: Database) -> None:
    await _accept(database, "g1")
    (zombie,) = await _claim(database, owner="w1")
    await inbox.reap(database, NOW + LEASE + 1)
    (holder,) = await _claim(database, owner="w1", now_ms=NOW + 2 * LEASE)
    with pytest.raises(LeaseLost):
        await _finish(database, zombie)
    with pytest.raises(LeaseLost):
        await inbox.retry(database, zombie, at_ms=NOW, error="late", counts=True)
    with pytest.raises(LeaseLost):
        await inbox.bury(database, zombie, "late")
    await _finish(database, holder)


async def test_a_lost_lease_undoes_the_effects_of_its_transaction(database: Database) -> None:
    await _accept(database, "g1")
    (zombie,) = await _claim(database)
    await _finish(database, zombie)

    async def effects_and_completion(tx: AsyncConnection) -> None:
        await inbox.enqueue(tx, kind="refresh", dedupe="x", lane=None, args=b"{}", run_at_ms=NOW)
        await inbox.complete(tx, zombie)

    with pytest.raises(LeaseLost):
        await database.write(effects_and_completion)
    assert (await _census(database)).ready == 0


async def test_a_heartbeat_keeps_the_lease_and_tells_what_is_lost(database: Database) -> None:
    await _accept(database, "g1", "g2", lane=None)
    kept, lost = await _claim(database, limit=2)
    await _finish(database, lost)
    assert await inbox.heartbeat(database, [kept, lost], until_ms=NOW + 2 * LEASE) == {kept.id}
    assert await inbox.reap(database, NOW + LEASE + 1) == 0
    assert await inbox.reap(database, NOW + 2 * LEASE + 1) == 1


async def test_recovery_at_start_returns_all_running_jobs(database: Database) -> None:
    await _accept(database, "g1", "g2", lane=None)
    await _claim(database, limit=2)
    assert await inbox.recover(database) == 2
    assert sorted(job.attempt for job in await _claim(database, limit=2)) == [2, 2]


async def test_a_job_put_in_twice_under_one_key_waits_once(database: Database) -> None:
    async def put(tx: AsyncConnection) -> bool:
        return await inbox.enqueue(
            tx, kind="refresh", dedupe="refresh:c1", lane="100", args=b'{"commit":"c1"}', run_at_ms=NOW
        )

    assert [await database.write(put), await database.write(put)] == [True, False]
    (job,) = await _claim(database)
    assert (job.kind, job.payload, job.guid) == ("refresh", b'{"commit":"c1"}', None)
    await _finish(database, job)
    assert await database.write(put)
    await _kill(database)
    assert await database.write(put)


async def test_dead_jobs_are_listed_revived_and_dropped(database: Database) -> None:
    await _accept(database, "g1", "g2", lane=None)
    first, second = await _kill(database), await _kill(database)
    assert await database.write(lambda tx: revive(tx, [first, 999], NOW)) == [first]
    assert await database.write(lambda tx: drop(tx, [second, 999])) == [second]
    async with database.read() as conn:
        (left,) = await list_jobs(conn, None, 10)
        assert (left.id, left.state, left.event) == (first, "waiting", "workflow_run")
        assert await next_due_ms(conn) == NOW
        with pytest.raises(ValueError, match="waiting, running, dead"):
            await list_jobs(conn, "lost", 10)


async def test_a_running_job_is_not_dropped(database: Database) -> None:
    await _accept(database, "g1")
    (job,) = await _claim(database)
    assert await database.write(lambda tx: drop(tx, [job.id])) == []
    await _finish(database, job)


async def test_the_census_counts_by_state(database: Database) -> None:
    await _accept(database, "g1", "g2", "g3", lane=None)
    await _claim(database)
    await _kill(database)
    found = await _census(database)
    assert (found.ready, found.running, found.dead, found.oldest_ready_ms) == (1, 1, 1, 2)


async def test_a_worker_is_woken_by_work_and_not_by_a_claim(database: Database) -> None:
    ticket = database.wakeup.ticket
    assert not await database.wakeup.wait(ticket, 0.001)
    await _accept(database, "g1", "g2")
    assert await database.wakeup.wait(ticket, 60)
    ticket = database.wakeup.ticket
    (job,) = await _claim(database)
    assert database.wakeup.ticket == ticket
    await _finish(database, job)
    assert database.wakeup.ticket != ticket


async def test_work_that_was_rolled_back_wakes_nobody(database: Database) -> None:
    ticket = database.wakeup.ticket

    async def undone(tx: AsyncConnection) -> None:
        await inbox.enqueue(tx, kind="x", dedupe="x", lane=None, args=b"", run_at_ms=NOW)
        raise KeyError("no")

    with pytest.raises(KeyError):
        await database.write(undone)
    await database.ping()
    assert database.wakeup.ticket == ticket


async def test_ids_of_finished_jobs_are_not_given_again(database: Database) -> None:
    await _accept(database, "g1")
    (first,) = await _claim(database)
    await _finish(database, first)
    await _accept(database, "g2")
    (second,) = await _claim(database)
    assert second.id > first.id


async def test_a_task_is_due_once_a_period_for_one_caller(database: Database) -> None:
    calls = (database.write(lambda tx: due(tx, "sweep", 1000, 60)) for _ in range(5))
    assert sorted(await asyncio.gather(*calls)) == [False] * 4 + [True]
    assert not await database.write(lambda tx: due(tx, "sweep", 1059, 60))
    assert await database.write(lambda tx: due(tx, "sweep", 1060, 60))


async def test_a_delivery_with_text_no_database_stores_is_accepted_once(database: Database) -> None:
    odd = make_delivery("g\x00\ud800", lane="l\x00", action="\ud800")
    acceptor = Acceptor(database)
    assert [await acceptor.accept(odd), await acceptor.accept(odd)] == [True, False]
    (job,) = await _claim(database)
    assert job.lane == "l\ufffd"


async def test_a_job_whose_delivery_was_pruned_still_runs(database: Database) -> None:
    await _accept(database, "g1")
    await database.write(lambda tx: tx.execute(delete(deliveries)))
    (job,) = await _claim(database)
    assert (job.guid, job.payload) == ("g1", b"")
    async with database.read() as conn:
        assert (await conn.execute(select(func.count()).select_from(deliveries))).scalar_one() == 0
