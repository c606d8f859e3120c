"""The answers about failures that are taught, as they look; and what a pattern would match."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from bot.known_study import Study, study, with_known
from bot.render.known import confirmed_markdown, list_markdown, looking_markdown, removed_markdown, study_markdown
from classifiers.model import OwnRule
from classifiers.own_rules import MOST_RULES, SECONDS
from storage.known import COUNTS, PROPOSED, Known, Words
from tests import factories as make
from tests.pure.test_render_markdown import LIVE
from tests.pure.test_render_snapshots import HOSTILE
from tests.snapshot import assert_snapshot

ONE = Known(
    repo_id=7, id="1a2b3c", installation_id=1, pattern="gave up on piece [0-9]+", category="infrastructure",
    state=PROPOSED, by="hubot", at=make.NOW, issue_number=12, matched=4, confirmed_by="octocat", confirmed_at=make.NOW,
)  # fmt: skip
EVIL = Known(
    repo_id=7, id="4d5e6f", installation_id=1, pattern=HOSTILE, category="build", state=COUNTS, by=HOSTILE,
    at=make.NOW, issue_number=12, confirmed_by=HOSTILE,
)  # fmt: skip
FOUND = Study(
    recorded=120,
    matched=4,
    examples=("the mirror in Oslo gave up on piece 13",),
    near=("the mirror in Oslo gave up on part 13",),
    green_logs=5,
)
TEXTS = {
    "known-looking": looking_markdown(ONE),
    "known": study_markdown(ONE, FOUND, ""),
    "known-unseen": study_markdown(ONE, Study(recorded=1, matched=0), ""),
    "known-refused": study_markdown(ONE, FOUND, "it is too broad."),
    "known-confirmed": confirmed_markdown(ONE),
    "known-removed": removed_markdown(ONE),
    "known-list": list_markdown([ONE, EVIL]),
    "known-list-nothing": list_markdown([]),
    "known-hostile": study_markdown(EVIL, Study(recorded=1, matched=1, examples=(HOSTILE,), near=(HOSTILE,)), ""),
}
GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


@pytest.mark.parametrize("name", TEXTS)
def test_answer_reads_as_it_was_approved(name: str) -> None:
    assert_snapshot(f"answer/{name}.md", TEXTS[name])


@pytest.mark.parametrize("name", ["known-hostile", "known-list"])
def test_foreign_text_stays_text(name: str) -> None:
    tokens = GFM.parse(TEXTS[name])
    inline = [child for token in tokens for child in token.children or []]
    assert not [each for each in (*tokens, *inline) if each.type in ("html_block", "html_inline", "link_open")]
    assert "@octocat" not in TEXTS[name]
    assert not LIVE.search("".join(each.content for each in inline if each.type == "text"))


def test_a_pattern_that_uses_up_its_time_is_too_slow() -> None:
    ticks = iter(range(0, 10_000, int(SECONDS)))
    found = study(OwnRule("r", "build", "x+"), [Words("build", "abc", "")] * 5, lambda: next(ticks))
    assert found.too_slow


def test_one_green_log_in_ten_is_not_too_broad_and_two_are() -> None:
    assert not Study(recorded=0, matched=0, green_logs=10, green_matched=1).too_broad
    assert Study(recorded=0, matched=0, green_logs=10, green_matched=2).too_broad
    assert Study(recorded=0, matched=0, green_logs=5, green_matched=1).too_broad


def test_what_was_taught_comes_after_the_repositorys_own_rules_and_within_their_limits() -> None:
    own = [OwnRule(f"r{number}", "build", f"word{number}") for number in range(MOST_RULES - 1)]
    rules = with_known(own, [ONE, EVIL])
    assert [rule.id for rule in rules] == [*(rule.id for rule in own), "known-1a2b3c"]
