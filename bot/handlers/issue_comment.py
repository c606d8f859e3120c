"""`issue_comment`: slash commands in issues and pull requests."""

from __future__ import annotations

from dataclasses import replace

import structlog
from gidgethub.sansio import Event

from bot.commands.parser import parse as parse_commands
from bot.commands.registry import COMMANDS, Answer, answer, asks_for_permission
from bot.commands.spec import CommandContext, Invocation
from bot.errors import Forbidden, Gone, Invalid, NotFound, UserError
from bot.events import IssueCommentEvent, parse
from bot.github.client import GitHub
from bot.handlers.repositories import repository_of
from bot.perform.comments import comment_thing
from bot.perform.requests import Asker
from bot.render.markdown import read_marker
from bot.render.requests import failed_markdown, too_many_markdown
from bot.services import Services
from storage import effects
from storage.model import Repository

log = structlog.get_logger(__name__)

MOST_AN_HOUR = 60
"""Answers a person gets in one repository within an hour; then one that says so, then silence."""


async def created(event: Event, services: Services) -> None:
    """One answer for each comment that gives commands; bots, and our own comments, give none."""
    parsed = parse(event.data, IssueCommentEvent)
    if _by_program(parsed):
        return
    invocations = parse_commands(parsed.comment.body or "")
    if not invocations:
        return
    repo = await repository_of(services.database, parsed.repository, parsed.installation)
    github = await services.gateway.client(repo.installation_id)
    try:
        await _answer(services, repo, github, parsed, invocations)
    except (NotFound, Gone, Forbidden, Invalid) as error:
        # The comment or its issue is gone or locked, or a permission is missing: there is nobody to tell.
        log.warning("a command could not be answered", reason=str(error))


async def _answer(
    services: Services,
    repo: Repository,
    github: GitHub,
    parsed: IssueCommentEvent,
    invocations: list[Invocation],
) -> None:
    comment = parsed.comment.id
    before = await _asked_before(services, repo, parsed)
    if before > MOST_AN_HOUR:
        return
    await github.react(repo.full_name, comment, "eyes")
    if before == MOST_AN_HOUR:
        reply = Answer(too_many_markdown(MOST_AN_HOUR), good=False)
    else:
        reply = await _carried_out(services, repo, github, parsed, invocations)
    await _reply(services, repo, github, parsed, reply.markdown)
    await github.react(repo.full_name, comment, "rocket" if reply.good else "confused")


async def _carried_out(
    services: Services,
    repo: Repository,
    github: GitHub,
    parsed: IssueCommentEvent,
    invocations: list[Invocation],
) -> Answer:
    """The answer, after what was asked for is done."""
    asker = _login(parsed)
    permission = "read"
    if asks_for_permission(invocations):
        permission = await github.permission(repo.full_name, asker)
    context = CommandContext(
        database=services.database,
        repository=repo,
        now=int(services.clock()),
        commands=COMMANDS,
        asker=asker,
        permission=permission,
        issue_number=parsed.issue.number,
        pull_request=parsed.issue.pull_request is not None,
        issue_author=parsed.issue.user.login if parsed.issue.user else "",
    )
    reply = await answer(context, invocations)
    try:
        await services.requests.perform(reply.requests, Asker(asker, f"comment:{parsed.comment.id}"), repo, github)
    except UserError as error:
        return Answer(failed_markdown(str(error)), good=False)
    return reply


async def _asked_before(services: Services, repo: Repository, parsed: IssueCommentEvent) -> int:
    """How many comments of this person were answered in this repository within the hour, this one left out."""
    since = int(services.clock()) - 3600
    async with services.database.read() as conn:
        return await effects.count_since(conn, repo.id, _ledger_kind(parsed), since, but=_key(parsed))


def _login(parsed: IssueCommentEvent) -> str:
    return parsed.comment.user.login if parsed.comment.user else ""


def _ledger_kind(parsed: IssueCommentEvent) -> str:
    return f"reply:{_login(parsed).lower()}"


def _key(parsed: IssueCommentEvent) -> str:
    return f"reply:{parsed.comment.id}"


async def _reply(services: Services, repo: Repository, github: GitHub, parsed: IssueCommentEvent, text: str) -> None:
    thing = comment_thing(
        repo,
        github,
        parsed.issue.number,
        kind="reply",
        key=_key(parsed),
        text=text,
        since=int(services.clock()) - 7 * 86400,
    )
    await services.ledger.keep(replace(thing, kind=_ledger_kind(parsed)))


def _by_program(event: IssueCommentEvent) -> bool:
    """A bot, an App on a user's behalf, or ourselves (in token mode under the owner's own name)."""
    comment = event.comment
    bot = comment.user is None or comment.user.type == "Bot"
    return bot or comment.performed_via_github_app is not None or read_marker(comment.body or "") is not None
