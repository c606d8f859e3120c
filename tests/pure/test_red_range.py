"""Which changed file a log means, and which comparisons say anything."""

from __future__ import annotations

import pytest

from bot.facts import Changed
from bot.github.shapes import ChangedFileShape, CompareShape
from bot.ranges import _changed
from bot.render.issue import issue
from bot.render.red_range import touched
from tests import factories as make


@pytest.mark.parametrize(
    ("path", "files", "found"),
    [
        ("src/a.py", ("b.py", "src/a.py"), "src/a.py"),
        ("./src/a.py", ("src/a.py",), "src/a.py"),
        ("a.py", ("pkg/src/a.py",), "pkg/src/a.py"),
        ("work/app/src/a.py", ("src/a.py",), "src/a.py"),
        ("src\\a.py", ("src/a.py",), "src/a.py"),
        ("index.ts", ("one/index.ts", "two/index.ts"), ""),
        ("a.py", ("ba.py",), ""),
        (None, ("a.py",), ""),
    ],
)
def test_the_file_that_a_log_means(path: str | None, files: tuple[str, ...], found: str) -> None:
    assert touched(path, files) == found


def test_a_history_that_was_pushed_over_tells_nothing() -> None:
    assert _changed(CompareShape("diverged", 3, [ChangedFileShape("a.py")])).commits == 0


def test_a_renamed_file_counts_under_both_names() -> None:
    assert _changed(CompareShape("ahead", 1, [ChangedFileShape("new.py", "old.py")])).files == ("new.py", "old.py")


def test_a_list_that_github_cut_off_denies_nothing() -> None:
    found = _changed(CompareShape("ahead", 900, [ChangedFileShape(f"f{n}.py") for n in range(300)]))
    body = issue(make.an_issue_report(first_red="b" * 40, last_green="a" * 40, changed=found)).body
    assert "over 300 files in 900 commits" in body
    assert "is not among the files that GitHub lists" in body
    assert len(body) < 8_000


def test_names_of_files_are_no_markup() -> None:
    changed = Changed(commits=1, files=("a`<img>@octo.py",))
    body = issue(make.an_issue_report(first_red="b" * 40, last_green="a" * 40, changed=changed)).body
    assert "``a`<img>@\u200bocto.py``" in body
