"""`.github/pipeline.yml` obeyed: every key changes what the program does on GitHub, and mistakes are told there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo import deliveries, users
from bot.repo_config import PATH
from tests.end_to_end.test_changes import typed
from tests.end_to_end.test_conclusions import calls, failures_of
from tests.end_to_end.test_token_mode import red, token_world  # noqa: F401
from tests.end_to_end.world import PYTEST_LOG, REPO, RUFF_LOG, Clock, World, opened

pytestmark = pytest.mark.slow

BRANCH = "feature"
CONTENTS = "/repos/{owner}/{repo}/contents/{path}"
DEVICE_LOG = PYTEST_LOG.replace("1 failed in 0.05s", "1 failed in 0.06s").replace(
    "2026-11-20T10:00:06", "2026-11-20T10:00:05.5Z FLAKY DEVICE 7\n2026-11-20T10:00:06"
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def world(tmp_path: Path, clock: Clock) -> AsyncIterator[World]:
    """The program on SQLite, with one installed repository."""
    async with opened(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}", clock=clock) as world:
        yield world


def configure(world: World, text: str | bytes, repo: str = REPO) -> None:
    """The file as it is on the default branch."""
    world.state.put_file(repo, PATH, text)


def summary(world: World) -> str:
    """The summary of the only check run."""
    [check] = world.check_runs
    return check.summary or ""


async def add_organisation(world: World, text: str, *, private: bool = False) -> None:
    """The owner's `.github` repository with a file, told to the program as part of the installation."""
    world.state.add_repository("octo/.github", private=private)
    configure(world, text, "octo/.github")
    [installation] = world.state.installations
    assert await world.send(deliveries.installation(world.state, installation, "created")) == 202
    await world.settled()


# -- what each key does ------------------------------------------------------------------------------------


async def test_a_repository_that_is_switched_off_keeps_history_and_is_not_written_in(world: World) -> None:
    configure(world, "enabled: false\n")
    await world.fail()
    assert len(await failures_of(world)) == 1
    assert world.check_runs == []
    assert world.issues == []
    assert {request.method for request in world.github.requests if not request.route.startswith("/app")} == {"GET"}


async def test_a_repository_that_is_switched_off_still_answers_commands(world: World) -> None:
    configure(world, "enabled: false\n")
    await world.fail()
    issue = world.state.add_issue(REPO, title="A question")
    assert await world.send(users.post_comment(world.state, REPO, issue.number, "/pipeline health")) == 202
    await world.settled()
    [_, answer] = world.comments(issue.number)
    assert "ail" in answer


@pytest.mark.parametrize(
    ("text", "branch", "said"),
    [
        ("enabled: false\n", "main", "so nothing is written in this repository"),
        ("pull_requests: check\n", "feature", "told in the check run alone"),
    ],
)
async def test_notify_says_why_nothing_will_be_made(world: World, text: str, branch: str, said: str) -> None:
    configure(world, text)
    if branch != "main":
        world.state.add_pull(REPO, branch)
    await world.fail(branch=branch, **({"event": "pull_request"} if branch != "main" else {}))
    question, answer = await typed(world, "/pipeline notify")
    assert answer.body.split("\n", 1)[1].startswith("No notice is made: `.github/pipeline.yml` says ")
    assert said in answer.body
    assert [reaction.content for reaction in question.reactions] == ["eyes", "confused"]
    assert [issue.title for issue in world.issues] == ["A question"]


async def test_a_notice_mentions_whom_the_file_names(world: World) -> None:
    configure(world, 'mention: "@octo/ci-people"\n')
    await world.fail()
    body = world.issues[0].body or ""
    assert "@octo/ci-people" in body
    assert "@copilot" not in body


async def test_an_empty_mention_is_nobody(world: World) -> None:
    configure(world, 'mention: ""\n')
    await world.fail()
    assert "@" not in (world.issues[0].body or "").replace("@\u200b", "")


async def test_a_higher_severity_is_asked_for_before_there_is_a_notice(world: World) -> None:
    configure(world, "notify: {severity: critical}\n")
    await world.fail()
    assert world.issues == []
    assert len(world.check_runs) == 1


async def test_a_lower_severity_is_enough_for_a_notice(world: World) -> None:
    configure(world, "notify: {severity: medium}\n")
    await world.fail(branch=BRANCH)
    assert len(world.issues) == 1


async def test_fewer_retries_are_enough_for_a_notice(world: World) -> None:
    configure(world, "notify: {retries: 1}\n")
    await world.fail(branch=BRANCH)
    assert world.issues == []
    await world.fail(branch=BRANCH)
    assert len(world.issues) == 1


async def test_more_new_issues_than_the_file_allows_are_gathered_in_one(world: World) -> None:
    configure(world, "notify: {max_new_issues_per_hour: 1}\n")
    run = world.run()
    world.job(run, PYTEST_LOG, "test")
    world.job(run, RUFF_LOG, "lint")
    world.job(run, RUFF_LOG.replace("F401 [*] `os` imported but unused", "E722 Do not use bare `except`"), "other")
    await world.complete(run)
    assert len(world.issues) == 2


async def test_a_pull_request_may_want_the_check_run_alone(world: World) -> None:
    configure(world, "pull_requests: check\n")
    pull = world.state.add_pull(REPO, BRANCH)
    for _ in range(4):
        await world.fail(branch=BRANCH, event="pull_request", pulls=(pull.number,))
    assert world.comments(pull.number) == []
    assert len(world.check_runs) >= 1


async def test_its_issues_get_further_labels(world: World) -> None:
    configure(world, "labels: [ci, 'needs: triage']\n")
    await world.fail()
    assert {"pipeline-failure", "ci", "needs: triage"} <= set(world.issues[0].labels)


@pytest.mark.parametrize("ignored", ["workflows: ['C*']", "jobs: [test]", "branches: [main]"])
async def test_what_is_ignored_is_recorded_and_not_reported(world: World, ignored: str) -> None:
    configure(world, f"ignore: {{{ignored}}}\n")
    await world.fail(name="CI")
    assert len(await failures_of(world)) == 1
    assert world.issues == []
    assert world.check_runs == []


async def test_an_ignored_job_is_left_out_beside_another_one(world: World) -> None:
    configure(world, "ignore: {jobs: ['lint*']}\n")
    run = world.run()
    world.job(run, PYTEST_LOG, "test")
    world.job(run, RUFF_LOG, "lint (3.11)")
    await world.complete(run)
    assert len(world.issues) == 1
    assert "lint" not in summary(world)
    assert len(await failures_of(world)) == 2


RULE = """
rules:
  - id: flaky-device
    category: infrastructure
    pattern: 'FLAKY DEVICE (?P<number>\\d+)'
    severity: low
    suggestion: "Replug device {number}, then *run again*."
"""


async def test_an_own_rule_changes_what_is_shown_and_never_the_identity(world: World, clock: Clock) -> None:
    await world.fail(DEVICE_LOG, branch="one")
    configure(world, RULE)
    clock.ahead += 301
    await world.fail(DEVICE_LOG, branch="two", sha=world.state.add_commit(REPO, branch="two").sha)
    before, after = await failures_of(world)
    assert (before.category, before.rule) != (after.category, after.rule)
    assert (after.category, after.severity, after.rule) == ("infrastructure", "low", "own/flaky-device")
    assert before.fingerprint == after.fingerprint
    shown = world.check_runs[-1].summary or ""
    assert "Replug device 7" in shown
    assert r"\*run again\*" in shown


async def test_an_own_rule_reads_the_annotations_of_a_job_without_a_log(world: World) -> None:
    configure(world, RULE)
    run = world.run(branch="one")
    world.job(run, None, steps=[], annotations=["FLAKY DEVICE 7 went away"])
    await world.complete(run)
    [failure] = await failures_of(world)
    assert (failure.rule, failure.suggestions[0]) == ("own/flaky-device", "Replug device 7, then *run again*.")


# -- mistakes ----------------------------------------------------------------------------------------------


async def test_a_mistake_stands_in_the_check_run_with_file_line_and_remedy(world: World) -> None:
    configure(world, "labels: [ci]\nnotfy:\n  severity: low\nmention: nobody\n")
    await world.fail()
    text = summary(world)
    assert "`.github/pipeline.yml`, line 2: `notfy` is no key: perhaps `notify` is meant" in text
    assert "line 4: `mention`: write one name" in text
    assert "ci" in world.issues[0].labels
    assert "@copilot" in (world.issues[0].body or "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"mention: @copilot", "line 1: this is not YAML"),
        (b"labels: [" + b"x, " * 700_000 + b"x]", "larger than 64 KB"),
        (b"a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "line 1"),
        (b"[" * 5_000, "line 1"),
        (b"\x7fELF\x00\x01", "control character"),
        (b"labels: !!python/object/apply:os.system ['true']", "leave the tag out"),
    ],
    ids=["no YAML", "2 MB", "aliases", "5,000 levels", "binary", "tags"],
)
async def test_a_hostile_file_breaks_nothing_and_is_told(world: World, text: bytes, said: str) -> None:
    configure(world, text)
    await world.fail()
    assert said in summary(world)
    assert len(world.issues) == 1


async def test_a_folder_in_place_of_the_file_is_told(world: World) -> None:
    world.state.put_file(REPO, f"{PATH}/readme.md", "text")
    await world.fail()
    assert "a folder is here" in summary(world)
    assert len(world.issues) == 1


async def test_with_a_token_mistakes_go_to_the_log(
    token_world: World,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(token_world, "labels: [ci]\nnotfy: 1\n")
    await red(token_world)
    assert token_world.check_runs == []
    captured = capsys.readouterr()
    told = (captured.out + captured.err).splitlines()
    [line] = [line for line in told if "mistake in the configuration" in line]
    assert "line=2" in line
    assert "perhaps `notify` is meant" in line
    assert "ci" in token_world.issues[0].labels


async def test_a_mistake_that_was_mended_is_not_told_any_more(world: World, clock: Clock) -> None:
    configure(world, "notfy: 1\n")
    run = await world.fail()
    configure(world, "notify: {severity: low}\n")
    clock.ahead += 301
    await world.complete(run)
    assert "notfy" not in summary(world)


# -- whose file --------------------------------------------------------------------------------------------


async def test_the_organisations_file_gives_defaults_key_by_key(world: World) -> None:
    await add_organisation(world, "labels: [org]\nmention: '@octo/all'\n")
    configure(world, "mention: ''\n")
    await world.fail()
    assert "org" in world.issues[0].labels
    assert "@octo/all" not in (world.issues[0].body or "")


async def test_mistakes_of_a_private_organisation_file_are_told_without_its_text(world: World) -> None:
    await add_organisation(world, "secret_project: 1\n", private=True)
    await world.fail()
    assert "octo/.github" in summary(world)
    assert "secret_project" not in summary(world)


async def test_the_head_of_a_fork_configures_nothing(world: World) -> None:
    world.state.add_repository("stranger/app", fork_of=world.state.repository(REPO).id)
    pull = world.state.add_pull(REPO, "main", head_repository="stranger/app")
    assert pull.pull is not None
    text = "ignore: {jobs: ['*']}\nmention: '@stranger'\n"
    configure(world, text, "stranger/app")
    world.state.put_file(REPO, PATH, text, ref=pull.pull.head_sha)
    await world.fail(branch="main", sha=pull.pull.head_sha, event="pull_request", head_repository="stranger/app")
    assert len(world.check_runs) == 1
    asked = [r for r in world.github.requests if r.route == CONTENTS]
    assert [(r.path, r.query) for r in asked] == [(f"/repos/{REPO}/contents/{PATH}", {})]


async def test_another_branch_configures_nothing(world: World) -> None:
    world.state.put_file(REPO, PATH, "enabled: false\n", ref=BRANCH)
    await world.fail(branch=BRANCH)
    assert len(world.check_runs) == 1


# -- what it costs -----------------------------------------------------------------------------------------


async def test_a_failing_run_costs_at_most_six_calls_with_a_file_too(world: World) -> None:
    configure(world, "labels: [ci]\n")
    await world.fail()
    assert calls(world) <= 6


@pytest.mark.parametrize("text", ["labels: [ci]\n", None])
async def test_the_file_and_its_absence_are_remembered(world: World, text: str | None) -> None:
    if text is not None:
        configure(world, text)
    await world.fail()
    await world.fail(RUFF_LOG)
    assert world.github.count("GET", CONTENTS) == 1


async def test_after_five_minutes_it_is_asked_by_its_etag_and_a_change_counts(world: World, clock: Clock) -> None:
    configure(world, "labels: [first]\n")
    await world.fail()
    clock.ahead += 301
    await world.fail(RUFF_LOG)
    configure(world, "labels: [second]\n")
    clock.ahead += 301
    await world.fail(RUFF_LOG.replace("F401", "F811"))
    statuses = [request.status for request in world.github.requests if request.route == CONTENTS]
    assert statuses == [200, 304, 200]
    assert ["second" in issue.labels for issue in world.issues] == [False, False, True]


async def test_what_was_known_counts_on_while_github_cannot_tell(world: World, clock: Clock) -> None:
    configure(world, "labels: [known]\n")
    await world.fail()
    clock.ahead += 301
    world.github.fail_next(f"GET {CONTENTS}", 502, times=3)
    await world.fail(RUFF_LOG)
    assert all("known" in issue.labels for issue in world.issues)
    assert len(world.issues) == 2


async def test_defaults_count_where_github_never_told(world: World) -> None:
    world.github.fail_next(f"GET {CONTENTS}", 502, times=3)
    await world.fail()
    assert len(world.issues) == 1
