"""Every text we post, as it looks; the pictures of them come from tests/tools/preview.py."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bot.commands.registry import COMMANDS, find
from bot.commands.spec import Who
from bot.facts import Changed, CheckRunText, IssueText, ReportedFailure
from bot.render import help as help_texts
from bot.render.check_run import check_run
from bot.render.health import health_json, health_markdown
from bot.render.issue import closed_comment, issue, outage, reopened_comment, woken_comment
from bot.render.pull_request import pull_request
from bot.verdict import Evidence, Kind
from storage.model import Failure
from tests import factories as make
from tests.snapshot import assert_snapshot

KNOWN = make.reported(pattern=make.a_pattern(), issue=make.an_issue())
LINT = make.reported(make.a_lint_failure())
MENDED = "It was mended on `main` since: rebase onto it."
HOSTILE = "</details> ``` <img src=x> @octocat closes #1 | [a](https://x.test) https://github.com/o/r/issues/1"


def hostile_failure() -> Failure:
    return make.a_failure(
        workflow=HOSTILE,
        job=HOSTILE,
        step=HOSTILE,
        branch=HOSTILE,
        message=HOSTILE,
        tool=HOSTILE,
        rule=HOSTILE,
        excerpt=HOSTILE + "\n```\n# heading\n" + HOSTILE,
        suggestions=(HOSTILE,),
        reasons=(HOSTILE,),
        path=None,
    )


def different(number: int) -> tuple[Failure, ...]:
    return tuple(
        make.a_failure(job_id=i, job=f"test ({i})", fingerprint=f"v1-{i:016x}", message=f"E{i:04} broke in shard {i}")
        for i in range(number)
    )


def legs(number: int) -> tuple[Failure, ...]:
    return tuple(make.a_failure(job_id=i, job=f"test (ubuntu-24.04, 3.{i})") for i in range(number))


def judged(kind: Kind, failure: Failure | None = None, **fields: str) -> ReportedFailure:
    return make.reported(
        failure or make.a_failure(),
        verdict=make.a_verdict(kind, **fields),
        issue=make.an_issue() if kind is Kind.KNOWN else None,
        pattern=None if kind in (Kind.NEW, Kind.UNKNOWN) else make.a_pattern(),
    )


HOSTILE_VERDICT = make.a_verdict(
    why=f"It fails on `{HOSTILE}` as well.",
    advice=f"It was mended on `{HOSTILE}` since.",
    evidence=(Evidence(HOSTILE, "https://github.com/octo/shop/actions/runs/1"),),
)
MIXED = (judged(Kind.BASE), judged(Kind.NEW, make.a_lint_failure()))
EXCUSED = (judged(Kind.BASE), judged(Kind.FLAKY, make.a_lint_failure()))
TIME_OUT = make.reported(make.a_time_out(), hang=make.a_hang(), verdict=make.a_verdict(Kind.NEW))

CHECK_RUNS = {
    **{f"verdict-{kind}": make.a_commit_report(judged(kind)) for kind in Kind},
    "verdict-mended": make.a_commit_report(judged(Kind.KNOWN, advice=MENDED)),
    "verdict-mixed": make.a_commit_report(*MIXED),
    "verdict-hostile": make.a_commit_report(make.reported(hostile_failure(), verdict=HOSTILE_VERDICT)),
    "verdict-legs": make.a_commit_report(
        *(make.reported(leg, verdict=make.a_verdict()) for leg in legs(30)),
        judged(Kind.NEW, make.a_lint_failure()),
    ),
    "own-pattern": make.a_commit_report(
        make.reported(verdict=make.a_verdict(Kind.NEW), pattern=make.a_pattern(count=2))
    ),
    "time-out": make.a_commit_report(TIME_OUT),
    "muted": make.a_commit_report(
        make.reported(pattern=make.a_pattern(), mute=make.a_mute()),
        make.reported(make.a_lint_failure(), mute=make.a_mute(until=None, by=HOSTILE, reason=HOSTILE)),
    ),
    "woken": make.a_commit_report(
        make.reported(pattern=make.a_pattern(), wake=make.a_wake()),
        make.reported(
            make.a_lint_failure(), wake=make.a_wake(cause="default_branch", by=HOSTILE, branch=HOSTILE, before=0.0)
        ),
    ),
    "recovered": make.a_commit_report(recovered=(make.a_failure(), make.a_lint_failure())),
    "one": make.a_commit_report(make.reported()),
    "known": make.a_commit_report(KNOWN),
    "two": make.a_commit_report(KNOWN, LINT),
    "legs": make.a_commit_report(*map(make.reported, legs(30))),
    "green": make.a_commit_report(
        runs=(make.a_run(conclusion="success"), make.a_run(run_id=2, workflow="Docs", conclusion="skipped"))
    ),
    "running": make.a_commit_report(runs=(make.a_run(status="in_progress", conclusion=None),)),
    "hostile": make.a_commit_report(make.reported(hostile_failure()), notes=(HOSTILE,)),
    "no-log": make.a_commit_report(
        make.reported(
            make.a_failure(
                step="",
                rule=None,
                tool=None,
                message="",
                excerpt="",
                path=None,
                category="unknown",
                severity="medium",
                confidence=0.0,
                suggestions=(),
                reasons=("the log had expired",),
            )
        ),
        notes=("The log of job test had expired: GitHub keeps it for 90 days.",),
    ),
}


@pytest.mark.parametrize("name", CHECK_RUNS)
def test_check_run_reads_as_it_was_approved(name: str) -> None:
    assert_snapshot(f"check_run/{name}.md", _check_run(check_run(CHECK_RUNS[name])))


def _check_run(text: CheckRunText) -> str:
    places = [f"- {a.path}:{a.line}: {a.title}: {a.message}" for a in text.annotations]
    buttons = f"buttons: {', '.join(button.label for button in text.buttons) or 'none'}"
    return (
        f"```text\ntitle: {text.title}\nconclusion: {text.conclusion}\n{buttons}\n```\n\n"
        + "\n".join([text.summary, "", *places]).rstrip()
    )


ISSUES = {
    "first": issue(make.an_issue_report()),
    "recurring": issue(
        make.an_issue_report(
            *(make.a_failure(run_id=9100 - i, detected_at=make.NOW - i * 7200, retry_count=2) for i in range(23)),
            affected_repositories=(make.REPOSITORY, "octo/billing"),
            related=(make.an_issue(number=9),),
            previous=make.an_issue(number=4, state="closed", closed_at=make.NOW - 20 * 86_400),
        )
    ),
    "full": issue(
        make.an_issue_report(
            *(
                make.a_failure(
                    run_id=9100 - i,
                    detected_at=make.NOW - i * 7200,
                    branch="main" if i % 3 else "release/2",
                    reasons=("pytest said so in line 55.", "pytest ended as failed afterwards."),
                )
                for i in range(20)
            ),
            affected_repositories=(make.REPOSITORY, "octo/billing", "octo/web"),
            related=(make.an_issue(number=9), make.an_issue(number=7, state="closed", closed_at=make.NOW - 86_400)),
            previous=make.an_issue(number=4, state="closed", closed_at=make.NOW - 20 * 86_400),
            first_seen=make.NOW - 9 * 86_400,
            last_seen=make.NOW,
            branches=("main", "release/2", "feature/a", "feature/b", "feature/c", "feature/d", "feature/e"),
            first_red="b7c0ffee6a5d4c3b2a14f1a9c02be7d5a3386e1c",
            last_green="0ddba11e6a5d4c3b2a14f1a9c02be7d5a3386e1c",
            total=37,
        )
    ),
    "range": issue(
        make.an_issue_report(
            first_red="b7c0ffee6a5d4c3b2a14f1a9c02be7d5a3386e1c",
            last_green="0ddba11e6a5d4c3b2a14f1a9c02be7d5a3386e1c",
            passed="c0ffee006a5d4c3b2a14f1a9c02be7d5a3386e1c",
            between=2,
            changed=Changed(commits=4, files=(*(f"src/shop/part{n}.py" for n in range(11)), "tests/test_cart.py")),
        )
    ),
    "range-elsewhere": issue(
        make.an_issue_report(
            first_red="b7c0ffee6a5d4c3b2a14f1a9c02be7d5a3386e1c",
            last_green="0ddba11e6a5d4c3b2a14f1a9c02be7d5a3386e1c",
            changed=Changed(commits=1, files=("deploy/<b>@all.yaml",)),
        )
    ),
    "three": issue(make.an_issue_report(*(make.a_failure(run_id=9100 - i) for i in range(3)), first_red=make.COMMIT)),
    "time-out": issue(make.an_issue_report(make.a_time_out(), hang=make.a_hang())),
    "hostile": issue(make.an_issue_report(hostile_failure(), mention="")),
    "outage": outage(make.an_outage_report(*different(12))),
    "gathered": outage(make.an_outage_report(*different(3), kind="gathered")),
}


@pytest.mark.parametrize("name", ISSUES)
def test_issue_reads_as_it_was_approved(name: str) -> None:
    assert_snapshot(f"issue/{name}.md", _issue(ISSUES[name]))


def _issue(text: IssueText) -> str:
    return f"```text\ntitle: {text.title}\nlabels: {', '.join(text.labels)}\n```\n\n{text.body}"


PULL_REQUESTS = {
    "not-yours": pull_request(make.a_commit_report(judged(Kind.BASE))),
    "not-yours-two": pull_request(make.a_commit_report(*EXCUSED), mention="@copilot"),
    "yours": pull_request(make.a_commit_report(judged(Kind.NEW)), mention="@copilot"),
    "known": pull_request(make.a_commit_report(judged(Kind.KNOWN, advice=MENDED))),
    "unclear": pull_request(make.a_commit_report(judged(Kind.UNKNOWN))),
    "mixed": pull_request(make.a_commit_report(*MIXED), mention="@copilot"),
    "many-mixed": pull_request(
        make.a_commit_report(*(judged(list(Kind)[i % 6], failure) for i, failure in enumerate(different(12))))
    ),
    "verdict-hostile": pull_request(
        make.a_commit_report(make.reported(hostile_failure(), verdict=HOSTILE_VERDICT), judged(Kind.FLAKY))
    ),
    "time-out": pull_request(make.a_commit_report(TIME_OUT)),
    "recovered": pull_request(make.a_commit_report(recovered=(make.a_failure(),))),
    "one": pull_request(make.a_commit_report(make.reported(), runs=(make.a_run(pull_request=31),))),
    "two": pull_request(make.a_commit_report(KNOWN, LINT), mention="@copilot"),
    "muted": pull_request(CHECK_RUNS["muted"]),
    "woken": pull_request(CHECK_RUNS["woken"]),
    "many": pull_request(make.a_commit_report(*map(make.reported, different(12)))),
    "hostile": pull_request(make.a_commit_report(make.reported(hostile_failure()))),
    "green": pull_request(make.a_commit_report(runs=(make.a_run(conclusion="success", pull_request=31),))),
}


@pytest.mark.parametrize("name", PULL_REQUESTS)
def test_pull_request_comment_reads_as_it_was_approved(name: str) -> None:
    assert_snapshot(f"pull_request/{name}.md", PULL_REQUESTS[name])


HEALTH = find("health")
assert HEALTH
COMMENTS = {
    "closed": closed_comment("v1-5d41402abc4b2a76", make.a_run(conclusion="success")),
    "closed-branch-gone": closed_comment("v1-5d41402abc4b2a76"),
    "reopened": reopened_comment(make.a_failure()),
    "woken": woken_comment([make.a_wake()]),
    "woken-several": woken_comment([make.a_wake(), make.a_wake(fingerprint="v1-2", cause="default_branch")]),
    "woken-hostile": woken_comment([make.a_wake(cause="default_branch", by=HOSTILE, branch=HOSTILE)]),
    "health": health_markdown(make.a_health()),
    "health-all-green": health_markdown(
        make.a_health(success_rate=100.0, successful_runs=24, failed_runs=0, health_score="excellent")
    ),
    "health-unknown": health_markdown(
        make.a_health(
            success_rate=None,
            total_runs=0,
            successful_runs=0,
            failed_runs=0,
            average_duration_minutes=0.0,
            health_score="unknown",
        )
    ),
    "health-json": json.dumps(health_json(make.a_health()), indent=2),
    "help": help_texts.help_markdown(COMMANDS),
    "help-health": help_texts.command_markdown(HEALTH),
    "unknown": help_texts.unknown_markdown("helth", HEALTH, COMMANDS),
    "error": help_texts.error_markdown("Option --days needs a value.", HEALTH),
    "refusal": help_texts.refusal_markdown("octocat", replace(HEALTH, name="mute", who=Who.WRITE), "read"),
}


@pytest.mark.parametrize("name", COMMENTS)
def test_comment_reads_as_it_was_approved(name: str) -> None:
    assert_snapshot(f"comment/{name}.md", COMMENTS[name])
