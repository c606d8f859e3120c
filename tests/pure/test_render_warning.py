"""Early warnings: who is told, and in which words."""

from __future__ import annotations

from markdown_it import MarkdownIt

from bot.perform.warnings import Circle, circles
from bot.render.warning import over, reference, warning_issue, warning_note
from storage.spread import Place
from tests import factories as make
from tests.pure.test_render_markdown import PIECES
from tests.snapshot import assert_snapshot

KEY = "warning:7:1-a851aea16090e88e:1764050400"
MESSAGE = "cp: error writing '/mnt/out/app.bin': No space left on device"
DISK = make.a_failure(category="infrastructure", message=MESSAGE)


def place(repo_id: int, *, private: bool = False) -> Place:
    return Place(repo_id, f"octo/r{repo_id}", private, repo_id)


def test_three_public_repositories_are_one_circle() -> None:
    public = tuple(place(n) for n in (1, 2, 3))
    assert circles(public) == [Circle(public)]


def test_private_repositories_refer_to_the_public_note() -> None:
    public, private = tuple(place(n) for n in (1, 2, 3)), (place(4, private=True),)
    assert circles((*public, *private)) == [Circle(public), Circle(private, public[0])]


def test_two_public_repositories_are_told_nothing_because_of_a_private_one() -> None:
    private = (place(3, private=True),)
    assert circles((place(1), place(2), *private)) == [Circle(private)]
    assert circles((place(1), *private)) == []


def test_the_issue_of_a_warning() -> None:
    text = warning_issue(DISK, ("octo/api", "octo/docs"), key=KEY)
    assert_snapshot("warning/issue.md", f"{text.title}\n\n{text.body}")


def test_the_comments_of_a_warning() -> None:
    url = "https://github.com/octo/web/issues/3#issuecomment-1"
    assert_snapshot("warning/note.md", warning_note(("octo/api", "octo/docs"), key=KEY))
    assert_snapshot("warning/reference.md", reference(url, key=KEY))
    assert_snapshot("warning/reference-without-link.md", reference("", key=KEY))
    assert_snapshot("warning/over.md", over(key=KEY))


def test_text_of_logs_is_data() -> None:
    body = warning_issue(make.a_failure(message="".join(PIECES)), (), key=KEY).body
    rendered = MarkdownIt("commonmark", {"html": True}).render(body)
    assert "<img" not in rendered
    assert "@copilot" not in rendered
