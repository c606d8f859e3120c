"""`issue_comment`: slash commands in issues and pull requests."""

from __future__ import annotations

import structlog
from gidgethub.sansio import Event

from bot.commands.parser import parse as parse_commands
from bot.commands.registry import COMMANDS, answer
from bot.commands.spec import CommandContext, Invocation
from bot.errors import Forbidden, Gone, Invalid, NotFound
from bot.events import IssueCommentEvent, parse
from bot.github.client import GitHub
from bot.handlers.repositories import repository_of
from bot.perform.comments import comment_thing
from bot.render.markdown import read_marker
from bot.services import Services
from storage.model import Repository

log = structlog.get_logger(__name__)


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
    await github.react(repo.full_name, comment, "eyes")
    context = CommandContext(database=services.database, repository=repo, now=int(services.clock()), commands=COMMANDS)
    reply = await answer(context, invocations)
    await _reply(services, repo, github, parsed, reply.markdown)
    await github.react(repo.full_name, comment, "rocket" if reply.good else "confused")


async def _reply(services: Services, repo: Repository, github: GitHub, parsed: IssueCommentEvent, text: str) -> None:
    thing = comment_thing(
        repo,
        github,
        parsed.issue.number,
        kind="reply",
        key=f"reply:{parsed.comment.id}",
        text=text,
        since=int(services.clock()) - 7 * 86400,
    )
    await services.ledger.keep(thing)


def _by_program(event: IssueCommentEvent) -> bool:
    """A bot, an App on a user's behalf, or ourselves (in token mode under the owner's own name)."""
    comment = event.comment
    bot = comment.user is None or comment.user.type == "Bot"
    return bot or comment.performed_via_github_app is not None or read_marker(comment.body or "") is not None
