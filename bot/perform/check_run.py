"""Our check run on a commit: one over all workflows and attempts."""

from __future__ import annotations

import hashlib
from typing import Any

from bot.facts import CheckAnnotation, CheckRunText
from bot.github.client import GitHub
from bot.github.shapes import CheckRunShape
from bot.perform.ledger import Made, Thing
from storage.effects import check_run_key
from storage.model import Effect, Repository

NAME = "Pipeline Monitor"
ANNOTATIONS_AT_ONCE = 50
"""GitHub takes at most so many in one request, and appends those of an update."""


def check_run_thing(repo: Repository, commit: str, text: CheckRunText, details_url: str, github: GitHub) -> Thing:
    """The check run that says `text`."""
    identity = check_run_key(repo.id, commit)
    body: dict[str, Any] = {
        "name": NAME,
        "external_id": identity,
        "status": "completed",
        "conclusion": text.conclusion,
    }
    body["actions"] = [
        {"label": button.label, "description": button.description, "identifier": button.identifier}
        for button in text.buttons
    ]
    if details_url:
        body["details_url"] = details_url

    def output(sent: frozenset[str]) -> tuple[dict[str, Any], str]:
        fresh = [a for a in text.annotations if _identity(a) not in sent][:ANNOTATIONS_AT_ONCE]
        shown = {"title": text.title, "summary": text.summary, "annotations": [_annotation(a) for a in fresh]}
        return shown, " ".join(sorted(sent | {_identity(a) for a in fresh}))

    async def find() -> Made | None:
        found = await github.own_check_run(repo.full_name, commit, NAME, identity)
        # GitHub appends annotations: those of the lost request stand there already.
        return None if found is None else _made(found, " ".join(sorted(_identity(a) for a in text.annotations)))

    async def make() -> Made:
        shown, sent = output(frozenset())
        answer = await github.create_check_run(repo.full_name, {**body, "head_sha": commit, "output": shown})
        return _made(answer, sent)

    async def change(effect: Effect) -> Made:
        shown, sent = output(frozenset(effect.detail.split()))
        answer = await github.update_check_run(repo.full_name, int(effect.external_id), {**body, "output": shown})
        return _made(answer, sent)

    said = "\n".join([text.title, text.summary, text.conclusion, *map(repr, (*text.annotations, *text.buttons))])
    return Thing(identity, "check_run", repo.id, said, find, make, change)


def _made(answer: CheckRunShape, sent: str) -> Made:
    return Made(str(answer.id), answer.html_url or "", sent)


def _identity(annotation: CheckAnnotation) -> str:
    said = f"{annotation.path}:{annotation.line}:{annotation.title}:{annotation.message}"
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _annotation(annotation: CheckAnnotation) -> dict[str, Any]:
    return {
        "path": annotation.path,
        "start_line": annotation.line,
        "end_line": annotation.line,
        "annotation_level": "warning",
        "title": annotation.title,
        "message": annotation.message,
    }
