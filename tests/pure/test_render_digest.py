"""The summary of a week as it is shown."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from bot.render.digest import LIMIT, digest, digest_issue
from storage.dashboards import Tally
from storage.digests import WEEK, Broken, Digest, Slower
from tests import factories as make
from tests.pure.test_render_markdown import PIECES
from tests.snapshot import assert_snapshot

GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
KEY = "digest:7:1764050400"


def broken(**fields: object) -> Broken:
    given = {
        "fingerprint": "1-a851aea16090e88e",
        "message": "tests/test_cart.py::test_total - assert 1999 == 2000",
        "category": "testing",
        "runs": 4,
        "seconds": 1_260,
        "red": True,
        "new": True,
        "url": "https://github.com/octo/app/actions/runs/1/job/2",
    }
    return Broken(**(given | fields))  # type: ignore[arg-type]


def week(**fields: object) -> Digest:
    given = {
        "repository": make.REPOSITORY,
        "since": make.NOW - WEEK,
        "until": make.NOW,
        "runs": Tally(118, 14),
        "before": Tally(120, 6),
        "broken": (),
        "mended": (),
        "seconds": 0,
        "slower": (),
    }
    return Digest(**(given | fields))  # type: ignore[arg-type]


WEEKS = {
    "week": week(
        broken=(
            broken(),
            broken(message="No space left on device", category="infrastructure", runs=2, red=False, new=False),
            broken(message="src/order.ts(9,3): error TS2322", category="build", runs=1, seconds=0, red=False),
        ),
        mended=(broken(message="ModuleNotFoundError: No module named 'shop'"),),
        seconds=4_320,
        slower=(Slower(workflow="CI", seconds=485, before=305, samples=61),),
    ),
    "good": week(runs=Tally(90, 0)),
    "nothing": week(runs=Tally(), before=Tally()),
    "many": week(broken=tuple(broken(message=f"error {n}", runs=100 - n) for n in range(40)), seconds=99),
}


@pytest.mark.parametrize("name", WEEKS)
def test_digest_snapshots(name: str) -> None:
    assert_snapshot(f"digest/{name}.md", digest(WEEKS[name], KEY))


def test_the_issue_of_the_digests() -> None:
    assert_snapshot("digest/issue.md", digest_issue(make.REPOSITORY, KEY).body)


def test_text_of_logs_and_names_of_workflows_are_data() -> None:
    bad = "".join(PIECES)
    text = digest(
        week(broken=(broken(message=bad),), mended=(broken(message=bad),), slower=(_slow(bad),), seconds=9), KEY
    )
    assert len(text.encode()) <= LIMIT
    rendered = GFM.render(text)
    assert "@copilot" not in rendered
    assert "<img" not in rendered
    assert "<script" not in rendered


def _slow(name: str) -> Slower:
    return Slower(workflow=name, seconds=100, before=50, samples=10)
