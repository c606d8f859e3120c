"""The recorded logs of the demo: shaped like GitHub's, free of the machine they were made on, movable in time."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from bot.demo import deliveries
from bot.demo.github.records import StepRecord
from bot.demo.github.state import GitHubState
from bot.demo.recorded import names, recorded_job
from tests.tools.scenarios import SCENARIOS
from tests.tools.webhook_examples import webhook_examples

pytestmark = pytest.mark.slow

START = 1_790_000_000.0
STAMP = re.compile(r"^\ufeff?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z) ")


def lines_of(name: str) -> list[str]:
    log = recorded_job(name, START).get("log")
    assert isinstance(log, bytes)
    return log.decode().splitlines()


def moment(line: str) -> float:
    found = STAMP.match(line)
    assert found is not None, line
    return datetime.fromisoformat(found[1]).timestamp()


def test_every_scenario_has_been_recorded() -> None:
    assert names() == sorted(scenario.name for scenario in SCENARIOS)


@pytest.mark.parametrize("name", names())
def test_a_log_looks_like_one_of_actions_and_tells_nothing_of_its_machine(name: str) -> None:
    lines = lines_of(name)
    text = "\n".join(lines)
    assert lines[0].startswith("\ufeff")
    assert all(STAMP.match(line) for line in lines)
    assert len(text.encode()) < 40_000
    assert re.search(r"/tmp/|/root|/usr/lib/|pypi-|wheels", text) is None


@pytest.mark.parametrize("name", names())
def test_a_log_starts_when_it_is_told_and_its_error_lies_in_the_broken_step(name: str) -> None:
    lines = lines_of(name)
    job = recorded_job(name, START)
    assert moment(lines[0]) == pytest.approx(START, abs=0.1)
    (error,) = [moment(line) for line in lines if "##[error]" in line]
    (broken,) = [
        step for step in job.get("steps") or () if isinstance(step, StepRecord) and step.conclusion != "success"
    ]
    assert broken.started_at is not None
    assert broken.completed_at is not None
    assert broken.started_at <= error <= broken.completed_at + 0.001
    assert broken.conclusion == job.get("conclusion")


def test_a_time_limit_is_told_by_the_annotation_and_ends_as_cancelled() -> None:
    job = recorded_job("pytest-timeout", START)
    assert job.get("conclusion") == "cancelled"
    assert "exceeded the maximum execution time of 45m0s" in str(job.get("annotations"))
    assert job.get("completed_at", 0) - START > 45 * 60


@pytest.mark.parametrize("part", ["workflow_run", "repository", "sender", "workflow"])
def test_our_runs_have_the_keys_of_the_published_example(part: str) -> None:
    example = webhook_examples("workflow_run", "completed")[0]
    state = GitHubState()
    state.create_app()
    state.add_repository("octo/app", owner_type="Organization")
    ours = deliveries.workflow_run(state, state.add_run("octo/app")).payload
    assert set(example) <= {*ours, "installation"}
    assert set(example[part]) <= set(ours[part])
