"""An issue of ours that stands for itself rather than for a failure: one a repository, found again by its marker."""

from __future__ import annotations

from bot.facts import IssueText
from bot.github.client import GitHub
from bot.perform.ledger import Made, Thing
from bot.render.markdown import read_marker
from storage.model import Effect, Repository


def standing_issue(repo: Repository, github: GitHub, *, key: str, kind: str, text: IssueText) -> Thing:
    """The issue that says `text`; its first label is the one by which ours are listed.

    After a crash it is looked for among the issues that we ourselves wrote, so that nobody's copy of it counts.
    """
    wanted = read_marker(text.body)

    async def find() -> Made | None:
        for shape in await github.labelled_issues(repo.full_name, text.labels[0]):
            if wanted and read_marker(shape.body or "") == wanted:
                return Made(str(shape.number), shape.html_url)
        return None

    async def make() -> Made:
        shape = await github.create_issue(repo.full_name, text.title, text.body, text.labels)
        return Made(str(shape.number), shape.html_url)

    async def change(effect: Effect) -> Made:
        shape = await github.update_issue(repo.full_name, int(effect.external_id), body=text.body)
        return Made(str(shape.number), shape.html_url)

    return Thing(key, kind, repo.id, f"{text.title}\n{text.body}", find, make, change)
