"""`pipeline classify`: logs from files or stdin, without GitHub and without a database."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from bot.cli.output import Failed, Format, note, say

CHUNK = 64 * 1024


def classify(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Logs to read; `-` is stdin.")],
    step: Annotated[str, typer.Option(help="Name of the step that failed.")] = "",
    job: Annotated[str, typer.Option(help="Name of the job.")] = "",
    workflow: Annotated[str, typer.Option(help="Name of the workflow.")] = "",
    branch: Annotated[str, typer.Option(help="Branch of the run.")] = "",
    default_branch: Annotated[
        bool, typer.Option("--default-branch", help="That branch is the default branch.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show the findings that competed.")] = False,
    format: Annotated[Format, typer.Option(help="text or json (one object a line).")] = Format.TEXT,  # noqa: A002
) -> int:
    """Say what broke in each log. Exit code 1 where a file could not be read; the others are still answered."""
    from bot.cli.verdict import as_json, as_text
    from classifiers.classify import classify as read
    from classifiers.model import JobFacts
    from classifiers.rules import builtin_rules

    if format is Format.MARKDOWN:
        raise Failed("--format: classify prints text or json", 2)
    facts = JobFacts(workflow=workflow, job=job, step=step, branch=branch, default_branch=default_branch)
    rules, unread = builtin_rules(), 0
    for name in files:
        try:
            verdict = read(_chunks(name), facts, rules)
        except OSError as error:
            note(f"pipeline: {name}: {error.strerror or error}")
            unread += 1
            continue
        if format is Format.JSON:
            say(json.dumps(as_json(name, verdict, explain=explain), ensure_ascii=False))
        else:
            say(as_text(name, verdict, explain=explain))
    return 1 if unread else 0


def _chunks(name: str) -> Iterator[bytes]:
    if name == "-":
        yield from _read(sys.stdin.buffer)
        return
    with Path(name).open("rb") as file:
        yield from _read(file)


def _read(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk
