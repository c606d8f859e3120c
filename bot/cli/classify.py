"""`pipeline classify`: logs from files or stdin, without GitHub and without a database."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.output import Failed, Format, note, say

if TYPE_CHECKING:
    from bot.cli.inputs import Log
    from classifiers.model import Classification, JobFacts


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
    from classifiers.model import JobFacts

    if format is Format.MARKDOWN:
        raise Failed("--format: classify prints text or json", 2)
    facts = JobFacts(workflow=workflow, job=job, step=step, branch=branch, default_branch=default_branch)
    unread = 0
    for name in _followed(files):
        for answer in _answers(name, facts):
            if answer is None:
                unread += 1
            elif format is Format.JSON:
                say(json.dumps(as_json(*answer, explain=explain), ensure_ascii=False))
            else:
                say(as_text(*answer, explain=explain))
    return 1 if unread else 0


def _answers(name: str, facts: JobFacts) -> Iterator[tuple[str, Classification] | None]:
    """Name and verdict of every log of an input; None, and a word on stderr, for what cannot be read."""
    from bot.cli.inputs import Unreadable, logs_of

    try:
        for log in logs_of(name):
            try:
                yield log.name, _verdict(log, facts)
            except Unreadable as error:
                note(f"pipeline: {log.name}: {error}")
                yield None
    except Unreadable as error:
        note(f"pipeline: {name}: {error}")
        yield None
    except OSError as error:
        note(f"pipeline: {name}: {error.strerror or error}")
        yield None


def _verdict(log: Log, facts: JobFacts) -> Classification:
    from classifiers.classify import classify as read
    from classifiers.rules import builtin_rules

    known = facts if facts.job or not log.job else replace(facts, job=log.job)
    return read(log.chunks, known, builtin_rules())


def _followed(files: list[str]) -> Iterator[str]:
    """The inputs, with a bar on stderr where that is a terminal and there is something to wait for."""
    if len(files) < 2 or not sys.stderr.isatty():
        yield from files
        return
    with _bar(len(files)) as advance:
        for name in files:
            yield name
            advance()


@contextmanager
def _bar(total: int) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("classifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Answers on the same terminal go above the bar; in a file or pipe they stay where they belong.
    shared = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=shared) as progress:
        task = progress.add_task("classifying", total=total)
        yield lambda: progress.advance(task)
