"""What the metrics say of real work, in a server and in a worker without one."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.demo import deliveries
from bot.demo.github.faults import LOG_STORE
from tests.end_to_end.processes import buried, free_port, outside
from tests.end_to_end.world import PYTEST_LOG, REPO, World

pytestmark = pytest.mark.slow

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
JOBS = "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt}/jobs"
LOG = "/repos/{owner}/{repo}/actions/jobs/{id}/logs"
JOBS_FAULT = "GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs"
LOG_FAULT = "GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs"
ISSUES = "/repos/{owner}/{repo}/issues"


def parsed(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    return {(each.name, frozenset(each.labels.items())): each.value for one in families for each in one.samples}


async def samples(world: World) -> Samples:
    status, text = await world.get("/metrics")
    assert status == 200
    return parsed(text)


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


def calls(found: Samples, method: str, route: str, status: str) -> float:
    return value(found, "pipeline_github_requests_total", method=method, route=route, status=status)


async def test_what_was_accepted_is_told_from_what_was_known_or_nothing(world: World) -> None:
    red = deliveries.workflow_run(world.state, world.run("success"))
    assert [await world.send(red), await world.send(red)] == [202, 202]
    await world.settled()
    found = await samples(world)
    assert value(found, "pipeline_deliveries_total", status="202") == 2
    assert value(found, "pipeline_deliveries_accepted_total") == 1


async def test_work_has_its_lag_its_time_and_its_outcome(world: World) -> None:
    await world.fail()
    found = await samples(world)
    done = value(found, "pipeline_jobs_total", outcome="done")
    assert done >= 1
    assert value(found, "pipeline_job_seconds_count") == done
    assert value(found, "pipeline_job_lag_seconds_count") == done
    assert value(found, "pipeline_job_lag_seconds_sum") < 60 * done


async def test_retries_and_the_dead_are_counted(world: World) -> None:
    world.github.fail_next(JOBS_FAULT, 502, times=3)
    run = world.run()
    world.job(run)
    await world.send_run(run)
    await world.hurry()
    assert await world.settled() == {}
    found = await samples(world)
    assert value(found, "pipeline_jobs_total", outcome="put back") == 1
    assert calls(found, "GET", JOBS, "502") == 3
    assert value(found, "pipeline_inbox_jobs", state="dead") == 0
    delivery = deliveries.workflow_run(world.state, world.run())
    delivery.payload["workflow_run"]["id"] = "none"
    await world.send(delivery)
    assert await world.settled() != {}
    found = await samples(world)
    assert value(found, "pipeline_jobs_total", outcome="dead") == 1
    assert value(found, "pipeline_inbox_jobs", state="dead") == 1
    assert value(found, "pipeline_inbox_jobs", state="ready") == 0


async def test_the_age_of_the_oldest_work_grows_while_it_waits(world: World) -> None:
    await world.fail()
    assert value(await samples(world), "pipeline_inbox_oldest_seconds") == 0
    due = int(time.time() * 1000) - 90_000
    # A lane that is busy for ever: what stands behind it waits.
    await world.parts.database.write(lambda tx: tx.exec_driver_sql(_WAITING, (due, due)))
    assert value(await samples(world), "pipeline_inbox_oldest_seconds") >= 90


_WAITING = (
    "INSERT INTO jobs (dedupe, kind, lane, installation_id, run_at_ms, created_at_ms, state, owner, lease_until_ms)"
    " VALUES ('a', 'refresh', 'busy', 1, ?, 0, 1, 'other', 99999999999999),"
    " ('b', 'refresh', 'busy', 1, ?, 0, 0, NULL, NULL)"
)


async def test_calls_are_counted_by_route_and_status_without_a_name(world: World) -> None:
    run = world.run()
    world.job(run)
    world.job(run, name="lint")
    world.github.fail_next(LOG_FAULT, 410)
    await world.complete(run)
    found = await samples(world)
    assert calls(found, "GET", JOBS, "200") == 1
    assert calls(found, "GET", LOG, "200") == 1
    assert calls(found, "GET", LOG, "410") == 1
    assert calls(found, "POST", ISSUES, "201") == len(world.issues)
    assert calls(found, "POST", "/app/installations/{id}/access_tokens", "201") == 1
    total = sum(number for (name, _), number in found.items() if name == "pipeline_github_requests_total")
    assert total == sum(1 for one in world.github.requests if one.route != LOG_STORE)
    _, text = await world.get("/metrics")
    assert "octo" not in text


async def test_a_request_without_an_answer_is_counted_as_such(world: World) -> None:
    # Twice, because aiohttp asks again by itself where a kept connection turns out to be closed.
    world.github.faults.reset(JOBS_FAULT, times=2)
    await world.fail()
    assert calls(await samples(world), "GET", JOBS, "none") >= 1


async def test_the_quota_is_githubs_own_figure(world: World) -> None:
    await world.fail()
    found = await samples(world)
    [(_, labels)] = [key for key in found if key[0] == "pipeline_github_quota_remaining"]
    [(name, installation)] = labels
    assert name == "installation"
    assert installation.isdigit()
    assert 0 < value(found, "pipeline_github_quota_remaining", installation=installation) < 15_000


async def test_classification_has_its_time_and_the_share_of_the_unknown(world: World) -> None:
    await world.fail()
    run = world.run(name="Nightly")
    world.job(run, "2026-11-20T10:00:06.0000000Z nothing that anybody would know\n", "thing")
    await world.complete(run)
    found = await samples(world)
    assert value(found, "pipeline_classifications_total", category="testing") == 1
    assert value(found, "pipeline_classifications_total", category="unknown") == 1
    assert value(found, "pipeline_classifications_total", category="timeout") == 0
    assert value(found, "pipeline_classification_seconds_count") == 2
    assert 0 < value(found, "pipeline_classification_seconds_sum") < 10


@pytest.mark.slow
async def test_a_worker_without_a_server_shows_its_metrics_where_it_is_told_to(tmp_path: Path) -> None:
    async with outside(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}") as around:
        run = around.state.add_run(REPO)
        around.state.add_job(run, log=PYTEST_LOG)
        server = await around.serve("--no-worker")
        assert await around.send(deliveries.workflow_run(around.state, run)) == 202
        await buried([server])
        port = free_port()
        worker = await around.start("worker", PIPELINE_METRICS_PORT=str(port))
        try:
            await worker.said(f"listening on http://127.0.0.1:{port}")
            around.url = f"http://127.0.0.1:{port}"
            await around.worked_off()
            async with around.session.get(f"{around.url}/metrics") as answer:
                found = parsed(await answer.text())
            assert value(found, "pipeline_jobs_total", outcome="done") >= 1
            assert value(found, "pipeline_classifications_total", category="testing") == 1
            async with around.session.get(f"{around.url}/readyz") as answer:
                assert (answer.status, await answer.text()) == (200, "ready\n")
            async with around.session.post(f"{around.url}/webhook") as answer:
                assert answer.status == 404
        finally:
            await buried([worker])


@pytest.mark.slow
async def test_a_process_that_was_asked_to_end_says_so_while_it_finishes_its_work(tmp_path: Path) -> None:
    async with outside(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}") as around:
        run = around.state.add_run(REPO)
        around.state.add_job(run, log=PYTEST_LOG)
        server = await around.serve()
        held = around.github.faults.hold("POST /repos/{owner}/{repo}/issues")
        try:
            assert await around.send(deliveries.workflow_run(around.state, run)) == 202
            await held.arrived.wait()
            async with around.session.get(f"{around.url}/readyz") as answer:
                assert answer.status == 200
            server.signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                while True:
                    async with around.session.get(f"{around.url}/readyz") as answer:
                        status, said = answer.status, await answer.text()
                    if status == 503:
                        break
            assert "asked to end" in said
            held.released.set()
            assert await server.ended() == 0
        finally:
            held.released.set()
            await buried([server])
