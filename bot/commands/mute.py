"""`/pipeline mute [FINGERPRINT] [7d] [REASON]`, `/pipeline unmute [FINGERPRINT]`."""

from __future__ import annotations

from bot.actions import LiftMute, SetMute
from bot.commands.spec import Command, CommandContext, Invocation, Reply, Who
from bot.commands.target import takes_fingerprint, target
from bot.render.requests import muted_markdown, unmuted_markdown
from bot.time_range import TimeRangeError, parse

REASON_CHARACTERS = 200


async def mute(context: CommandContext, invocation: Invocation) -> Reply:
    """No notices of a failure, for a time or for good."""
    named, rest = takes_fingerprint(invocation.arguments)
    until: int | None = None
    if rest:
        try:
            until = context.now + parse(rest[0])
            rest = rest[1:]
        except TimeRangeError:
            until = None
    reason = " ".join(rest)[:REASON_CHARACTERS]
    async with context.database.read() as conn:
        failure = await target(conn, context, named)
    request = SetMute((failure.fingerprint,), until, reason)
    return Reply(muted_markdown(failure, until, reason), (request,))


async def unmute(context: CommandContext, invocation: Invocation) -> Reply:
    """Notices of a failure again."""
    named, _ = takes_fingerprint(invocation.arguments)
    async with context.database.read() as conn:
        failure = await target(conn, context, named)
    return Reply(unmuted_markdown(failure), (LiftMute(failure.fingerprint),))


COMMANDS = (
    Command(
        name="mute",
        summary="Stops notices of a failure, for a time or for good.",
        run=mute,
        arguments="[FINGERPRINT] [TIME] [REASON]",
        examples=("/pipeline mute", "/pipeline mute 7d known outage"),
        who=Who.WRITE,
    ),
    Command(
        name="unmute",
        summary="Lets a muted failure speak again.",
        run=unmute,
        arguments="[FINGERPRINT]",
        examples=("/pipeline unmute",),
        who=Who.WRITE,
    ),
)
