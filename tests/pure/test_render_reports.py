"""Reports keep GitHub's limits and what was promised of them, however much failed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from markdown_it import MarkdownIt

from bot.facts import CommitReport, Hang
from bot.render.check_run import check_run
from bot.render.issue import closed_comment, issue, outage, reopened_comment
from bot.render.markdown import read_marker
from bot.render.pull_request import pull_request
from bot.render.whose import duration, time_out
from bot.verdict import Evidence, Kind, Verdict
from storage.model import Failure
from tests import factories as make
from tests.pure.test_render_markdown import LIVE, hostile

GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
LONG = "漢字 `x` @a " * 400


def many(number: int, *, same: bool, **fields: str) -> CommitReport:
    return make.a_commit_report(
        *(
            make.reported(
                make.a_failure(
                    job_id=i, job=f"test ({i})", fingerprint="v1-same" if same else f"v1-{i}", line=i + 1, **fields
                )
            )
            for i in range(number)
        )
    )


def test_256_legs_of_one_cause_are_one_block() -> None:
    text = check_run(many(256, same=True))
    assert text.title == "1 failure in 256 jobs: pytest in test (256 jobs)"
    assert text.summary.count("### ") == 1
    assert len(text.summary.encode()) < 5_000


def test_256_different_failures_all_stand_in_the_summary() -> None:
    text = check_run(many(256, same=False))
    assert len(text.summary.encode()) <= 65_535
    assert all(f"`test ({i})`" in text.summary for i in range(256))


def test_what_does_not_fit_is_counted_and_linked() -> None:
    text = check_run(many(700, same=False, message=LONG, excerpt=LONG, step=LONG, workflow=LONG))
    assert len(text.summary.encode()) <= 65_535
    left = re.search(r"And (\d+) more: \[all checks of this commit\]\(\S+/checks\)", text.summary)
    assert left
    assert text.summary.count("\n- high") + int(left[1]) == 700


def test_title_names_as_many_as_fit_and_counts_the_rest() -> None:
    title = check_run(many(40, same=False)).title
    assert len(title) <= 255
    assert title.startswith("40 failures: pytest in test (0), pytest in test (1)")
    assert re.search(r", and \d+ more$", title)


def test_the_most_severe_stands_first() -> None:
    low = make.reported(make.a_failure(severity="low", fingerprint="v1-a", job="a"))
    critical = make.reported(make.a_failure(severity="critical", fingerprint="v1-z", job="z"))
    text = check_run(make.a_commit_report(low, critical))
    assert text.title == "2 failures: pytest in z, pytest in a"
    assert text.summary.index("in `z`") < text.summary.index("in `a`")


def test_annotations_are_one_for_each_cause_and_place_and_fifty_at_most() -> None:
    assert len(check_run(many(256, same=False)).annotations) == 50
    twice = make.a_commit_report(make.reported(make.a_failure(job_id=1)), make.reported(make.a_failure(job_id=2)))
    assert len(check_run(twice).annotations) == 1


def test_annotation_outside_the_repository_is_left_out() -> None:
    for path in ("/usr/lib/x.py", "../x.py", "a/../../x.py", "C:\\x.py", "https://x.test/a", "a\nb"):
        assert check_run(make.a_commit_report(make.reported(make.a_failure(path=path)))).annotations == ()


def test_annotation_message_is_bounded() -> None:
    (annotation,) = check_run(make.a_commit_report(make.reported(make.a_failure(message=LONG)))).annotations
    assert len(annotation.message.encode()) <= 2_000
    assert len(annotation.title) <= 255


def test_conclusion_is_success_only_where_nothing_failed_and_nothing_runs() -> None:
    assert check_run(make.a_commit_report()).conclusion == "success"
    assert check_run(make.a_commit_report(make.reported())).conclusion == "neutral"
    running = make.a_run(status="in_progress", conclusion=None)
    assert check_run(make.a_commit_report(runs=(running,))).conclusion == "neutral"


def test_issue_mentions_once_and_only_what_is_a_name() -> None:
    assert issue(make.an_issue_report()).body.count("@copilot") == 1
    assert "@" not in issue(make.an_issue_report(mention="")).body
    assert "octocat" not in issue(make.an_issue_report(mention="@copilot @octocat")).body


def test_issue_body_keeps_its_limit_with_everything_too_long() -> None:
    failures = tuple(
        make.a_failure(
            run_id=i,
            job=LONG + str(i),
            branch=LONG,
            message=LONG,
            excerpt=LONG,
            reasons=(LONG,) * 9,
            suggestions=(LONG,) * 20,
        )
        for i in range(300)
    )
    text = issue(make.an_issue_report(*failures, affected_repositories=tuple(LONG + str(i) for i in range(90))))
    assert len(text.body.encode()) <= 60_000
    assert len(text.title) <= 256
    assert text.body.endswith("do not count.")


def test_issue_lists_twenty_occurrences_and_counts_the_rest() -> None:
    body = issue(make.an_issue_report(*(make.a_failure(run_id=i) for i in range(1, 26)))).body
    assert body.count("\n| [") == 20
    assert "And 5 earlier." in body


def test_issue_is_labelled_with_its_category_and_its_worst_severity() -> None:
    text = issue(make.an_issue_report(make.a_failure(severity="medium"), make.a_failure(severity="critical")))
    assert text.labels == ("pipeline-failure", "category: testing", "severity: critical")


def test_outage_lists_all_and_mentions_nobody() -> None:
    failures = [make.a_failure(job=f"job-{i}", fingerprint=f"v1-{i}", message="@copilot fails") for i in range(12)]
    text = outage(make.an_outage_report(*failures))
    assert all(f"`job-{i}`" in text.body for i in range(12))
    assert "@copilot" not in text.body


def test_every_body_that_is_found_again_carries_its_marker() -> None:
    failure, run = make.a_failure(), make.a_run(pull_request=31)
    bodies = {
        issue(make.an_issue_report()).body: ("issue", failure.fingerprint),
        outage(make.an_outage_report()).body: ("outage", "9001"),
        closed_comment(failure.fingerprint, run): ("closed", f"{failure.fingerprint}/9001/1"),
        closed_comment(failure.fingerprint): ("closed", failure.fingerprint),
        reopened_comment(failure): ("reopened", f"{failure.fingerprint}/9001/1"),
        pull_request(make.a_commit_report(runs=(run,))): ("pull-request", "31"),
        pull_request(make.a_commit_report(), number=32): ("pull-request", "32"),
    }
    for body, expected in bodies.items():
        found = read_marker(body)
        assert found
        assert (found.kind, found.key) == expected


def titled(*kinds: Kind | None) -> str:
    names = ("test", "web", "lint", "docs")
    found = [
        make.reported(
            make.a_failure(job=names[i], fingerprint=f"v1-{i}"), verdict=None if kind is None else make.a_verdict(kind)
        )
        for i, kind in enumerate(kinds)
    ]
    return check_run(make.a_commit_report(*found)).title


@pytest.mark.parametrize(
    ("kinds", "title"),
    [
        ([None], "1 failure: pytest in test"),
        ([Kind.BASE], "1 failure, not yours: pytest in test (also on main)"),
        ([Kind.FLAKY, Kind.BASE], "2 failures, not yours: pytest in test (flaky), pytest in web (also on main)"),
        ([Kind.NEW], "1 failure, new: pytest in test"),
        ([Kind.NEW, Kind.NEW], "2 failures, all new: pytest in test, pytest in web"),
        ([Kind.FLAKY, Kind.NEW], "2 failures (1 new, 1 flaky): pytest in web, pytest in test"),
        ([Kind.UNKNOWN], "1 failure, unclear whose: pytest in test"),
        ([Kind.BASE, None], "2 failures (1 also on main): pytest in web, pytest in test"),
    ],
)
def test_title_says_whose_the_failures_are(kinds: list[Kind | None], title: str) -> None:
    assert titled(*kinds) == title


def test_a_cause_is_excused_only_where_every_job_of_it_is() -> None:
    legs = [
        make.reported(make.a_failure(job_id=i), verdict=make.a_verdict(kind))
        for i, kind in enumerate((Kind.BASE, Kind.NEW))
    ]
    assert "**Probably yours**" in pull_request(make.a_commit_report(*legs))
    without = (legs[0], make.reported(make.a_failure(job_id=7)))
    assert "not yours" not in pull_request(make.a_commit_report(*without))


def test_comment_answers_whose_it_is_in_its_first_line_and_never_excuses_what_is_new() -> None:
    excused = make.reported(verdict=make.a_verdict(Kind.BASE))
    new = make.reported(make.a_lint_failure(), verdict=make.a_verdict(Kind.NEW))
    alone, both = pull_request(make.a_commit_report(excused)), pull_request(make.a_commit_report(excused, new))
    assert alone.splitlines()[1].startswith("**Probably not yours**: it fails on `main` as well ([`test on main`](")
    assert both.splitlines()[1].startswith("**Probably yours**: `ruff F401` in `lint`.")


def test_next_step_follows_from_the_verdict() -> None:
    def first_step(kind: Kind, **fields: str) -> str:
        summary = check_run(make.a_commit_report(make.reported(verdict=make.a_verdict(kind, **fields)))).summary
        return next(line for line in summary.splitlines() if line.startswith("- **Next**"))

    assert first_step(Kind.BASE) == "- **Next**: Wait for the fix on `main`, then rebase."
    assert "/pipeline rerun" in first_step(Kind.FLAKY)
    assert "rebase onto it" in first_step(Kind.KNOWN, advice="It was mended on `main` since: rebase onto it.")
    assert "pytest tests/test_cart.py" in first_step(Kind.NEW)


def test_what_may_be_the_readers_own_stands_first() -> None:
    kinds = (Kind.BASE, Kind.KNOWN, Kind.UNKNOWN, Kind.NEW)
    assert titled(*kinds).endswith(": pytest in docs, pytest in lint, pytest in web, pytest in test")


def test_agent_is_not_asked_to_fix_on_the_branch_what_broke_elsewhere() -> None:
    report = make.a_commit_report(make.reported(verdict=make.a_verdict(Kind.BASE)))
    assert "in a pull request of its own" in pull_request(report, mention="@copilot")


def test_256_judged_failures_all_stand_in_the_summary() -> None:
    failures = many(256, same=False).failures
    text = check_run(make.a_commit_report(*(replace(f, verdict=make.a_verdict()) for f in failures)))
    assert len(text.summary.encode()) <= 65_535
    assert all(f"`test ({i})`" in text.summary for i in range(256))
    assert len(text.title) <= 255


def test_buttons_are_there_while_something_failed_and_keep_githubs_limits() -> None:
    assert check_run(make.a_commit_report()).buttons == ()
    buttons = check_run(make.a_commit_report(make.reported())).buttons
    assert [button.identifier for button in buttons] == ["rerun", "notify", "mute"]
    for button in buttons:
        assert len(button.label) <= 20
        assert len(button.identifier) <= 20
        assert len(button.description) <= 40


@pytest.mark.parametrize(
    ("hang", "line"),
    [
        (make.a_hang(), "Usually 4 min; stopped by the limit of 45 min in step `Run tests`."),
        (make.a_hang(usual_seconds=None), "Stopped by the limit of 45 min in step `Run tests`."),
        (make.a_hang(limit=""), "Usually 4 min; stopped in step `Run tests`."),
        (make.a_hang(limit="6h0m0s", step=""), "Usually 4 min; stopped by the limit of 6 h."),
        (make.a_hang(limit="soon", step=""), "Usually 4 min; stopped by the limit of `soon`."),
        (make.a_hang(usual_seconds=None, limit="", step=""), ""),
    ],
)
def test_time_out_is_one_line_of_what_is_known(hang: Hang, line: str) -> None:
    assert time_out(hang) == line


def test_durations_read_as_a_person_says_them() -> None:
    assert [duration(s) for s in (40, 252, 3600, 5400)] == ["40 s", "4 min", "1 h", "1 h 30 min"]


def test_issue_links_what_changed_between_the_last_green_and_the_first_red_commit() -> None:
    body = issue(make.an_issue_report(first_red="b" * 40, last_green="a" * 40)).body
    assert f"[what changed](https://github.com/octo/shop/compare/{'a' * 40}...{'b' * 40})" in body
    assert "/compare/" not in issue(make.an_issue_report(first_red="b" * 40)).body


def test_issue_folds_its_occurrences_away_where_they_would_fill_the_screen() -> None:
    def body(number: int) -> str:
        return issue(make.an_issue_report(*(make.a_failure(run_id=i) for i in range(1, number + 1)))).body

    assert "occurrences</summary>" not in body(3)
    assert "<summary>4 occurrences</summary>" in body(4)


def test_green_after_red_names_what_recovered() -> None:
    def after(*failures: Failure) -> str:
        return check_run(make.a_commit_report(recovered=failures)).title

    assert after() == "All green: 1 workflow passed"
    assert after(make.a_failure()) == "All green again: pytest in test recovered"
    comment = pull_request(make.a_commit_report(recovered=(make.a_failure(),)))
    assert len(comment.splitlines()) == 2
    assert "All green again: `pytest` in `test` recovered" in comment


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60, deadline=None)
@given(hostile)
def test_nothing_of_a_failure_comes_to_life_in_any_report(text: str) -> None:
    failure = make.a_failure(
        workflow=text, job=text, step=text, branch=text, message=text, tool=text, rule=text, excerpt=text, path=text,
        category=text, severity=text, suggestions=(text,), reasons=(text,), url=text, fingerprint=text,
    )  # fmt: skip
    run = make.a_run(workflow=text, branch=text, url=text, conclusion=text)
    verdict = Verdict(Kind.BASE, f"It fails on `{text}` as well, {text}", (Evidence(text, text),), text)
    hang = Hang(usual_seconds=240, limit=text, step=text)
    judged = make.reported(failure, verdict=verdict, hang=hang)
    commit = make.a_commit_report(judged, notes=(text,), runs=(run,))
    mixed = make.a_commit_report(judged, make.reported(verdict=make.a_verdict(Kind.NEW)), notes=(text,), runs=(run,))
    recovered = make.a_commit_report(recovered=(failure,))
    green = make.a_commit_report(runs=(run,), notes=(text,))
    related = make.an_issue_report(
        failure, mention="", affected_repositories=(text,), branches=(text,), hang=hang, first_red=text, last_green=text
    )
    for body in (
        check_run(commit).summary, check_run(green).summary, pull_request(commit), pull_request(green),
        check_run(mixed).summary, pull_request(mixed), check_run(recovered).summary, pull_request(recovered),
        issue(related).body,
        outage(make.an_outage_report(failure, run=run)).body, closed_comment(text, run), reopened_comment(failure),
    ):  # fmt: skip
        assert_only_ours(body)


OUR_HTML = re.compile(
    r"<details><summary>(Log excerpt( \(data, not instructions\))?|\d+ occurrences(, the newest \d+ listed)?)"
    r"</summary>\n|</details>\n?"
)


def assert_only_ours(body: str) -> None:
    for token in GFM.parse(body):
        assert token.type not in ("code_block", "hr", "blockquote_open", "html_inline")
        if token.type == "html_block":
            assert OUR_HTML.fullmatch(token.content) or read_marker(token.content)
        for child in token.children or ():
            assert child.type not in ("image", "html_inline", "s_open", "em_open")
            if child.type == "link_open":
                assert str(child.attrs["href"]).startswith("https://github.com/octo/shop/")
            if child.type in ("text", "text_special"):
                assert not LIVE.search(child.content)
