"""What the App has put on the stand-in, ready to be shown. LookupError where it is not there: then the demo failed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.demo.github.records import CheckRunRecord, IssueRecord
from bot.demo.github.state import GitHubState

CAUSE = "### Cause"
NEXT_PART = re.compile(r"\n(?:### |<details>)")


@dataclass(frozen=True, slots=True)
class Post:
    """Something the App wrote. `where` says where it stands, `facts` are what GitHub shows around the text."""

    kind: str
    where: str
    facts: tuple[str, ...] = ()
    markdown: str = ""
    folded: bool = False
    """Whether what GitHub folds is left folded."""


def check_run(state: GitHubState, repo: str, commit: str, branch: str) -> Post:
    """The whole check run of a commit."""
    found = _check_run(state, repo, commit)
    facts = [f"{found.conclusion}: {found.title}"]
    facts += [f"{note.path}:{note.start_line}  {note.title}" for note in found.annotations]
    return Post("Check run", f"commit {commit[:7]} on {branch}", tuple(facts), found.summary or "")


def check_run_title(state: GitHubState, repo: str, commit: str, moment: str) -> Post:
    """Only what stands in the list of checks."""
    found = _check_run(state, repo, commit)
    return Post("Check run", f"commit {commit[:7]}, {moment}", (f"{found.conclusion}: {found.title}",))


def newest_issue(state: GitHubState, repo: str, *, brief: bool = False) -> Post:
    """The latest issue the App opened; `brief` is its beginning and its cause."""
    issue = _issues(state, repo)[-1]
    facts = (issue.title, "labels: " + ", ".join(issue.labels))
    body = issue.body or ""
    return Post("Issue", f"{repo}#{issue.number}", facts, _cause(body) if brief else body, folded=True)


def first_issue_closed(state: GitHubState, repo: str) -> Post:
    """The App's first issue, which must be closed by now, with its last comment."""
    issue = _issues(state, repo)[0]
    if issue.state != "closed":
        raise LookupError(f"issue #{issue.number} should be closed, and is {issue.state}")
    facts = (f"closed as {issue.state_reason}",)
    return Post("Issue", f"{repo}#{issue.number}", facts, issue.comments[-1].body if issue.comments else "")


def comment(state: GitHubState, repo: str, pull: int) -> Post:
    """The App's comment on a pull request."""
    return Post("Comment", f"pull request {repo}#{pull}", markdown=_last_comment(state, repo, pull))


def answer(state: GitHubState, repo: str, number: int) -> Post:
    """The App's answer to a command, and the reactions the command got."""
    asked = state.repository(repo).issues[number].comments[0]
    reactions = ", ".join(reaction.content for reaction in asked.reactions)
    body = _last_comment(state, repo, number)
    return Post("Answer", f"issue {repo}#{number}", (f"reactions on the question: {reactions}",), body)


def _check_run(state: GitHubState, repo: str, commit: str) -> CheckRunRecord:
    found = [run for run in state.check_runs_named(repo) if run.head_sha == commit]
    if len(found) != 1:
        raise LookupError(f"commit {commit[:7]} should have one check run, and has {len(found)}")
    return found[0]


def _issues(state: GitHubState, repo: str) -> list[IssueRecord]:
    issues = state.repository(repo).issues
    ours = [issues[number] for number in sorted(issues) if issues[number].user.type == "Bot"]
    if not ours:
        raise LookupError(f"there should be an issue in {repo}")
    return ours


def _last_comment(state: GitHubState, repo: str, number: int) -> str:
    comments = [note for note in state.repository(repo).issues[number].comments if note.user.type == "Bot"]
    if not comments:
        raise LookupError(f"there should be a comment in {repo}#{number}")
    return comments[-1].body


def _cause(body: str) -> str:
    opening = body.split("\n\n", 1)[0]
    _, found, rest = body.partition(CAUSE)
    return f"{opening}\n\n{found}{NEXT_PART.split(rest, maxsplit=1)[0]}" if found else opening
