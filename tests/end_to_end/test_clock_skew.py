"""A machine whose clock runs wrong: GitHub refuses what it signs, and it learns the time from the refusal."""

from __future__ import annotations

import time

import pytest
from structlog.testing import capture_logs

from bot.demo.github.recording import RecordedRequest
from bot.doctor.examine import examine
from tests.end_to_end.world import World

pytestmark = pytest.mark.slow


def refused(world: World) -> list[RecordedRequest]:
    """The requests that were answered 401."""
    return [request for request in world.github.requests if request.status == 401]


@pytest.mark.parametrize("ahead", [3600, 300, -1200], ids=["an hour ahead", "five minutes ahead", "behind"])
async def test_credentials_are_signed_by_githubs_time_after_one_refusal(world: World, ahead: int) -> None:
    world.state.clock = lambda: time.time() - ahead
    with capture_logs() as logs:
        await world.fail()
        await world.fail()
    assert (len(world.check_runs), len(world.issues)) == (1, 1)
    assert len(refused(world)) == 1
    [told] = [line for line in logs if "clock differs" in line["event"]]
    assert told["log_level"] == "warning"
    assert abs(told["seconds_behind"] + ahead) <= 5
    assert "NTP" in told["remedy"]


async def test_a_token_is_renewed_by_githubs_time_and_not_at_every_call(world: World) -> None:
    world.state.clock = lambda: time.time() - 4000
    await world.fail()
    await world.fail()
    assert world.github.count("POST", "/app/installations/{installation_id}/access_tokens") == 1 + len(
        [one for one in refused(world) if one.path.endswith("/access_tokens")]
    )


async def test_the_doctor_names_the_clock_and_not_the_key(world: World) -> None:
    world.state.clock = lambda: time.time() - 600
    found = {check.name: check for check in await examine(world.parts.settings)}
    assert found["credentials"].status == "ok"
    assert found["clock"].status == "warning"
    assert "seconds ahead of GitHub's" in found["clock"].message
    assert "NTP" in found["clock"].remedy


async def test_a_refusal_that_names_our_own_time_is_not_blamed_on_the_clock(world: World) -> None:
    body = {"message": "A JSON web token could not be decoded"}
    world.github.fail_next("POST /app/installations/", 401, body=body, times=1000)
    run = world.run()
    world.job(run)
    await world.send_run(run)
    with capture_logs() as logs:
        [reason] = (await world.settled()).values()
    assert "the credentials are not accepted" in reason
    assert not [line for line in logs if "clock" in line["event"]]
