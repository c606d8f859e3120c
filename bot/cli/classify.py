"""`pipeline classify`: logs from files, stdin, or a run on GitHub; no database, and GitHub only where it is named."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.output import Failed, Format, load_settings, note, run_async, say

if TYPE_CHECKING:
    from bot.cli.inputs import Log, Unreadable
    from bot.cli.verdict import Answer
    from classifiers.model import Classification, JobFacts


def classify(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Logs, gzip or zips of logs; `-` is stdin; or the address of a run or job on GitHub.",
        ),
    ],
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
    """Say what broke in each log. Exit code 1 where one could not be read; the others are still answered.

    Of a run's address every failed job is read, with GITHUB_TOKEN or as the App. The options tell what a file does not.
    """
    from classifiers.model import JobFacts

    if format is Format.MARKDOWN:
        raise Failed("--format: classify prints text or json", 2)
    facts = JobFacts(workflow=workflow, job=job, step=step, branch=branch, default_branch=default_branch)
    of_links = _of_links(files)
    read = True
    for name in _followed(files):
        for answer in of_links[name] if name in of_links else _answers(name, facts):
            read &= _told(answer, name, format, explain=explain)
    return 0 if read else 1


def _told(answer: Answer | Unreadable, name: str, format: Format, *, explain: bool) -> bool:  # noqa: A002
    """Whether there was a verdict to print."""
    from bot.cli.verdict import Answer, as_json, as_text

    if not isinstance(answer, Answer):
        note(f"pipeline: {answer.name or name}: {answer}")
        return False
    if format is Format.JSON:
        say(json.dumps(as_json(answer, explain=explain), ensure_ascii=False))
    else:
        say(as_text(answer, explain=explain))
    return True


def _of_links(files: list[str]) -> Mapping[str, Sequence[Answer | Unreadable]]:
    """What the addresses among the inputs lead to; nothing is loaded or asked where there are none."""
    from bot.cli.run_link import is_link

    wanted = list(dict.fromkeys(name for name in files if is_link(name)))
    if not wanted:
        return {}
    from bot.cli.run_link import parse
    from bot.cli.run_reading import read

    try:
        links = [parse(name) for name in wanted]
    except ValueError as error:
        raise Failed(str(error), 2) from error
    settings = load_settings()
    if settings.mode == "none":
        raise Failed("no credentials: set GITHUB_TOKEN to a token that may read the repository's actions", 2)
    for link in links:
        if link.site != settings.web_url:
            raise Failed(
                f"{link.text}: the credentials are for {settings.web_url}, and are sent nowhere else; "
                "for GitHub Enterprise Server set GITHUB_API_URL=https://HOST/api/v3",
                2,
            )
    return run_async(read(settings, links))


def _answers(name: str, facts: JobFacts) -> Iterator[Answer | Unreadable]:
    """The verdict on every log of an input, or why it cannot be read."""
    from bot.cli.inputs import Unreadable, logs_of
    from bot.cli.verdict import Answer

    try:
        for log in logs_of(name):
            try:
                yield Answer(log.name, _verdict(log, facts), log.job)
            except Unreadable as error:
                yield Unreadable(str(error), log.name)
    except Unreadable as error:
        yield error
    except OSError as error:
        yield Unreadable(error.strerror or str(error))


def _verdict(log: Log, facts: JobFacts) -> Classification:
    from classifiers.builtin import builtin_rules
    from classifiers.classify import classify as read

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
