"""The reading commands' texts as they look, with hostile text in every place where foreign text stands."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from markdown_it import MarkdownIt

from bot.advice import RedFacts, SpreadFacts, alerts_of, recommendations_of
from bot.dashboard import nothing
from bot.policy import why_no_notice
from bot.render.dashboard import LIMIT, dashboard_markdown
from bot.render.explain import explain_markdown
from bot.render.fitting import size
from bot.render.flaky import flaky_markdown
from bot.render.objects import dashboard_json, patterns_json
from bot.render.patterns import patterns_markdown
from bot.render.requests import (
    corrected_markdown,
    failed_markdown,
    muted_markdown,
    notified_markdown,
    rerun_markdown,
    unmuted_markdown,
)
from bot.render.status import status_markdown
from bot.repo_config import RepoConfig
from bot.verdict import Evidence, Kind, Verdict
from bot.views import Alert, Dashboard, Flaky, RepositoryHealth, Running, Status
from classifiers.model import RunnerUp
from storage.dashboards import Bucket, Halves, Tally
from storage.live import Flip
from storage.recurring import Cost
from tests import factories as make
from tests.pure.test_render_snapshots import HOSTILE, hostile_failure
from tests.snapshot import assert_snapshot

DAY = 86_400
WEEK = Halves(Tally(40, 2, 12_000, 42), Tally(30, 12, 15_000, 42))
RED = RedFacts(make.REPOSITORY, "main", "CI", 2, make.NOW - 7_200, f"{make.WEB}/{make.REPOSITORY}/actions/runs/9001")
COSTS = (
    Cost(1, "v1-5d41402abc4b2a76", 9, 5_400),
    Cost(1, "v1-muted", 8, 60),
    Cost(1, "v1-7f83b1657ff1fc53", 4, 0),
)
KNOWN = {
    "v1-5d41402abc4b2a76": make.a_pattern(suggestions=("Run it locally and compare the two values.",), seconds=5_400),
    "v1-muted": make.a_pattern(fingerprint="v1-muted", muted=True, seconds=40),
    "v1-7f83b1657ff1fc53": make.a_pattern(
        fingerprint="v1-7f83b1657ff1fc53", category="linting", description="F401 `os` imported but unused", count=4
    ),
}


def a_dashboard(**fields: Any) -> Dashboard:
    """A week of octo/shop that went from good to poor."""
    given: dict[str, Any] = {
        "generated_at": make.NOW,
        "time_range": "7d",
        "repository": make.REPOSITORY,
        "health": make.a_health(time_range="7d", success_rate=83.3, total_runs=84, failed_runs=14, health_score="fair"),
        "running": (make.a_run(status="in_progress", conclusion=None, completed_at=None),),
        "recent_failures": (make.a_failure(), make.a_lint_failure(resolved_at=make.NOW)),
        "by_category": {"testing": 10, "linting": 4},
        "by_severity": {"high": 10, "medium": 4},
        "by_repository": {make.REPOSITORY: 14},
        "corrected": 2,
        "direction": WEEK.direction,
        "step": DAY,
        "buckets": tuple(Bucket(make.NOW // DAY * DAY - n * DAY, 12 - n, max(0, 4 - n)) for n in range(7, -1, -1)),
        "repository_health": (RepositoryHealth(make.a_health(), "stable"),),
        "patterns": (KNOWN["v1-5d41402abc4b2a76"], KNOWN["v1-muted"]),
        "alerts": alerts_of(WEEK, [RED], [], make.REPOSITORY),
        "recommendations": recommendations_of(COSTS, KNOWN, "7d"),
    }
    return Dashboard(**given | fields)


def hostile_dashboard() -> Dashboard:
    pattern = make.a_pattern(description=HOSTILE, repositories=(HOSTILE,), suggestions=(HOSTILE,))
    return a_dashboard(
        repository=None,
        running=(make.a_run(workflow=HOSTILE, branch=HOSTILE, repository=HOSTILE),),
        recent_failures=(hostile_failure(),),
        by_category={HOSTILE: 1},
        patterns=(pattern,),
        alerts=(
            *alerts_of(WEEK, [replace(RED, repository=HOSTILE, workflow=HOSTILE, branch=HOSTILE)], [], None),
            Alert("critical", "outbreak", HOSTILE, HOSTILE, "https://github.com/o/r/issues/1"),
        ),
        recommendations=recommendations_of(COSTS[:1], {"v1-5d41402abc4b2a76": pattern}, "7d"),
        repository_health=(RepositoryHealth(make.a_health(repository=HOSTILE), "stable"),),
    )


def flips(**fields: Any) -> Flip:
    return Flip(make.a_failure(**fields), f"{make.WEB}/{make.REPOSITORY}/actions/runs/9001")


GOING = make.a_run(status="in_progress", conclusion=None, completed_at=None)
EXPLAINED = make.reported(
    make.a_failure(runners_up=make.runners_up()),
    pattern=make.a_pattern(),
    verdict=Verdict(
        Kind.FLAKY, "It passed when the job ran again on the same commit.", (Evidence("test", "https://x"),)
    ),
)
SILENT = "No notice is made: " + why_no_notice(make.a_run(), RepoConfig(enabled=False), None)
TEXTS = {
    "dashboard": dashboard_markdown(a_dashboard()),
    "dashboard-all": dashboard_markdown(
        a_dashboard(
            repository=None,
            repository_health=tuple(
                RepositoryHealth(make.a_health(repository=f"octo/r{n}", success_rate=60.0 + n), "decreasing")
                for n in range(9)
            ),
            alerts=alerts_of(WEEK, [RED] * 6, [SpreadFacts(make.a_pattern(), 4)], None),
        )
    ),
    "dashboard-nothing": dashboard_markdown(nothing(make.REPOSITORY, "24h", DAY, make.NOW)),
    "dashboard-hostile": dashboard_markdown(hostile_dashboard()),
    "dashboard-json": json.dumps(dashboard_json(a_dashboard()), indent=2),
    "patterns": patterns_markdown(list(KNOWN.values()), repository=make.REPOSITORY, days=30),
    "patterns-many": patterns_markdown(
        [make.a_pattern(count=n, seconds=9_000 * n) for n in range(40, 0, -1)], repository=None, days=1
    ),
    "patterns-nothing": patterns_markdown([], repository=make.REPOSITORY, days=30),
    "patterns-hostile": patterns_markdown(
        [make.a_pattern(description=HOSTILE, repositories=(HOSTILE,), suggestions=(HOSTILE,), fingerprint=HOSTILE)],
        repository=make.REPOSITORY,
        days=30,
    ),
    "status": status_markdown(
        Status(
            make.REPOSITORY,
            make.NOW,
            (Running(GOING, 240), Running(replace(GOING, workflow="Docs", started_at=make.NOW - 20), None)),
        )
    ),
    "status-nothing": status_markdown(Status(make.REPOSITORY, make.NOW, ())),
    "status-hostile": status_markdown(
        Status(make.REPOSITORY, make.NOW, (Running(replace(GOING, workflow=HOSTILE, branch=HOSTILE), 1),))
    ),
    "explain": explain_markdown(EXPLAINED),
    "explain-muted": explain_markdown(replace(EXPLAINED, mute=make.a_mute())),
    "explain-hostile": explain_markdown(
        make.reported(replace(hostile_failure(), runners_up=(RunnerUp(*[HOSTILE] * 3, 0, 1.0, HOSTILE),)))
    ),
    "mute": muted_markdown(make.a_failure(), make.NOW + 7 * DAY, "known outage"),
    "mute-for-good": muted_markdown(make.a_failure(), None, ""),
    "mute-hostile": muted_markdown(hostile_failure(), None, HOSTILE),
    "unmute": unmuted_markdown(make.a_failure()),
    "classify": corrected_markdown(make.a_failure(), "infrastructure"),
    "notify": notified_markdown(make.a_failure()),
    "notify-nothing": failed_markdown(SILENT),
    "rerun": rerun_markdown((make.a_failure(), make.a_lint_failure())),
    "flaky": flaky_markdown([Flaky("v1-a", (flips(), flips()), 2)], repository=make.REPOSITORY),
    "flaky-nothing": flaky_markdown([], repository=make.REPOSITORY),
    "flaky-hostile": flaky_markdown(
        [Flaky("v1-a", (Flip(hostile_failure(), "javascript:alert(1)"),), 1)], repository=make.REPOSITORY
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_answer_reads_as_it_was_approved(name: str) -> None:
    assert_snapshot(f"answer/{name}.md", TEXTS[name])


@pytest.mark.parametrize("name", [name for name in TEXTS if name.endswith("hostile")])
def test_foreign_text_stays_text(name: str) -> None:
    tokens = MarkdownIt("commonmark", {"linkify": False}).enable("table").parse(TEXTS[name])
    inline = [child for token in tokens for child in token.children or []]
    html = "".join(each.content for each in (*tokens, *inline) if each.type in ("html_block", "html_inline"))
    targets = [str(each.attrs["href"]) for each in inline if each.type == "link_open"]
    assert "<img" not in html
    assert html.count("</details>") == html.count("<details>")
    assert all(target.startswith(f"{make.WEB}/{make.REPOSITORY}/actions/runs/9001") for target in targets)
    assert "@octocat" not in TEXTS[name]


def test_a_dashboard_fits_one_comment_however_long_the_names_are() -> None:
    long = "ü`|" * 20_000
    failure = make.a_failure(message=long, job=long, branch=long)
    text = dashboard_markdown(
        a_dashboard(
            recent_failures=(failure,) * 10,
            patterns=(make.a_pattern(description=long, repositories=(long,)),) * 10,
            by_category={long: 1},
            buckets=tuple(Bucket(n * DAY, 10**9, 10**9) for n in range(400)),
        )
    )
    assert size(text) <= LIMIT
    assert text.count("```") % 2 == 0


def test_the_trend_names_at_most_a_month_of_bars() -> None:
    text = dashboard_markdown(a_dashboard(buckets=tuple(Bucket(n * DAY, n, 0) for n in range(400))))
    bars = next(line for line in text.splitlines() if line.strip().startswith("bar "))
    assert bars.count(",") < 31


def test_a_falling_success_rate_is_an_alert_only_where_there_are_enough_runs() -> None:
    assert [alert.kind for alert in alerts_of(WEEK, [], [], None)] == ["success_rate_fell"]
    assert alerts_of(Halves(Tally(1), Tally(0, 1)), [], [], None) == ()
    assert alerts_of(Halves(Tally(10), Tally(19, 2)), [], [], None) == ()


def test_one_failure_in_many_repositories_comes_before_a_red_branch() -> None:
    found = alerts_of(Halves(), [RED], [SpreadFacts(make.a_pattern(), 3)], None)
    assert [alert.kind for alert in found] == ["outbreak", "default_branch_red"]


def test_a_recommendation_names_the_pattern_and_what_it_costs_and_leaves_out_the_muted() -> None:
    first, second = recommendations_of(COSTS, KNOWN, "7d")
    assert first.fingerprint == "v1-5d41402abc4b2a76"
    assert "failed 9 times in 7d and took 90 runner minutes" in first.text
    assert second.category == "linting"
    assert "runner" not in second.text


@pytest.mark.parametrize(
    ("earlier", "later", "word"),
    [
        (Tally(9, 1), Tally(8, 2), "increasing"),
        (Tally(8, 2), Tally(9, 1), "decreasing"),
        (Tally(9, 1), Tally(81, 19), "stable"),
        (Tally(), Tally(0, 5), "stable"),
        (Tally(5), Tally(), "stable"),
    ],
)
def test_the_direction_follows_from_ten_points_between_the_halves(earlier: Tally, later: Tally, word: str) -> None:
    assert Halves(earlier, later).direction == word


def test_patterns_as_json_have_the_promised_fields() -> None:
    (pattern,) = patterns_json([make.a_pattern()], 30)["patterns"]  # type: ignore[misc]
    assert pattern["first_seen"] == "2026-11-02T12:00:00Z"
    assert set(pattern) == {
        *("fingerprint", "category", "description", "count", "repositories", "first_seen", "last_seen"),
        *("muted", "suggestions"),
    }
