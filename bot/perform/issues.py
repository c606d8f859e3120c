"""Issues of ours: opened once per root cause, rewritten in place, closed and reopened with one line each."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import Gone
from bot.facts import IssueText
from bot.github.client import GitHub
from bot.github.shapes import IssueShape
from bot.perform.ledger import Made, Thing
from bot.render.markdown import read_marker
from storage import issues
from storage.model import Effect, Issue, Repository

LABEL = "pipeline-failure"


def issue_key(repo_id: int, identity: str, previous: Issue | None) -> str:
    """The ledger's key: a later issue of the same failure is another thing than the one before."""
    return f"issue:{repo_id}:{identity}:{previous.number if previous else 0}"


def issue_thing(
    repo: Repository,
    github: GitHub,
    *,
    key: str,
    text: IssueText,
    kind: str,
    fingerprints: Sequence[str],
    known_numbers: frozenset[int],
    now: int,
) -> Thing:
    """The issue that says `text` and stands for these fingerprints."""
    wanted = read_marker(text.body)

    async def find() -> Made | None:
        """Ours by author, label and marker; one that is known already is an earlier issue."""
        for shape in await github.labelled_issues(repo.full_name, LABEL):
            if shape.number not in known_numbers and wanted and read_marker(shape.body or "") == wanted:
                return _made(shape)
        return None

    async def make() -> Made:
        return _made(await github.create_issue(repo.full_name, text.title, text.body, text.labels))

    async def change(effect: Effect) -> Made:
        return _made(await github.update_issue(repo.full_name, int(effect.external_id), body=text.body))

    async def record(tx: AsyncConnection, made: Made) -> None:
        for fingerprint in fingerprints:
            await issues.save(tx, _opened(made, repo.id, fingerprint, kind=kind, key=key, now=now))

    return Thing(key, "issue", repo.id, f"{text.title}\n{text.body}", find, make, change, record)


def _opened(made: Made, repo_id: int, fingerprint: str, *, kind: str, key: str, now: int) -> Issue:
    return Issue(
        repo_id=repo_id,
        fingerprint=fingerprint,
        number=int(made.external_id),
        state="open",
        opened_at=now,
        closed_at=None,
        url=made.url,
        kind=kind,
        effect_key=key,
    )


def update_thing(repo: Repository, github: GitHub, issue: Issue, text: IssueText, *, reopen: bool) -> Thing:
    """An issue that stands already, rewritten; its title, labels and assignees stay as people left them."""

    async def change(effect: Effect) -> Made:
        state = {"state": "open", "state_reason": "reopened"} if reopen else {}
        return _made(await github.update_issue(repo.full_name, int(effect.external_id), body=text.body, **state))

    async def find() -> Made | None:
        return Made(str(issue.number), issue.url)

    async def make() -> Made:
        raise Gone(410, f"issue {issue.number} was deleted")

    async def record(tx: AsyncConnection, _made: Made) -> None:
        if reopen:
            await issues.set_state(tx, issue.repo_id, issue.number, state="open", closed_at=None)

    return Thing(issue.effect_key, "issue", repo.id, f"{text.title}\n{text.body}", find, make, change, record)


def _made(shape: IssueShape) -> Made:
    return Made(str(shape.number), shape.html_url)
