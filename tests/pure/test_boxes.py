"""Boxes: what is offered, and which ones an edit ticked."""

from __future__ import annotations

from bot.boxes import MOST, offered, ticked
from bot.render.dashboard_issue import dashboard_issue
from tests import factories as make
from tests.pure.test_render_dashboard import a_dashboard
from tests.pure.test_render_markdown import PIECES
from tests.snapshot import assert_snapshot

KEY = "dashboard:7"
LINE = "- [{}] Mute <!-- box={:012x} -->"


def test_only_what_this_edit_ticked_counts() -> None:
    before = "\n".join([LINE.format("x", 1), LINE.format(" ", 2), LINE.format(" ", 3)])
    after = "\r\n".join([LINE.format("x", 1), LINE.format("X", 2), LINE.format(" ", 3)])
    assert ticked(after, before) == {f"{2:012x}"}


def test_a_box_is_a_line_of_its_own() -> None:
    assert ticked("say `- [x] Mute <!-- box=000000000001 -->` or > - [x] a <!-- box=000000000002 -->", "") == set()


def test_a_body_without_end_is_read_in_time() -> None:
    assert ticked("- [x] " * 200_000 + "<!-- box=", "") == set()


def test_a_few_of_each_kind_are_offered_and_none_for_what_is_muted_or_told() -> None:
    red = [
        make.a_failure(
            run_id=9000 + n, job_id=n + 1, fingerprint=f"1-{n:016x}", workflow_id=n, detected_at=make.NOW + n
        )
        for n in range(9)
    ]
    boxes = offered(red, frozenset({red[8].fingerprint}), frozenset({red[7].fingerprint}))
    kinds = [box.kind for box in boxes]
    assert kinds == ["rerun"] * MOST + ["mute"] * MOST + ["notify"] * MOST
    assert boxes[0].failure.run_id == 9008
    assert boxes[3].target == red[7].fingerprint
    assert boxes[6].target == red[6].fingerprint
    assert len({box.id for box in boxes}) == len(boxes)


def test_the_issue_as_it_is_shown() -> None:
    red = [make.a_failure(), make.a_failure(message="".join(PIECES), fingerprint="1-0000000000000bad", job_id=9)]
    boxes = offered(red, frozenset(), frozenset())
    text = dashboard_issue(a_dashboard(), boxes, key=KEY, said="`octocat` muted a failure for a week.")
    assert text.body.count("- [ ] ") == len(boxes)
    assert_snapshot("dashboard_issue/red.md", text.body)


def test_without_anything_red_there_are_no_boxes() -> None:
    assert "[ ]" not in dashboard_issue(a_dashboard(), (), key=KEY).body
