"""Every slash command, in the order the help lists them; and how an invocation becomes an answer."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace

from bot.actions import Request
from bot.commands import classify, dashboard, explain, flaky, health, known, mute, notify, patterns, rerun, status
from bot.commands import help as help_command
from bot.commands.spec import Command, CommandContext, Invocation, Who
from bot.errors import UserError
from bot.render.help import error_markdown, refusal_markdown, unknown_markdown

COMMANDS: tuple[Command, ...] = (
    health.COMMAND,
    dashboard.COMMAND,
    patterns.COMMAND,
    status.COMMAND,
    explain.COMMAND,
    flaky.COMMAND,
    rerun.COMMAND,
    *mute.COMMANDS,
    classify.COMMAND,
    known.COMMAND,
    notify.COMMAND,
    help_command.COMMAND,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The one answer to a comment. `good` is False where any of its commands could not be answered."""

    markdown: str
    good: bool
    requests: tuple[Request, ...] = ()


def find(name: str, commands: tuple[Command, ...] = COMMANDS) -> Command | None:
    """The command of this name, whatever the case."""
    return next((command for command in commands if command.name == name.lower()), None)


def nearest(name: str, commands: tuple[Command, ...] = COMMANDS) -> Command | None:
    """The command whose name is most like a mistyped one; None where none is like it."""
    close = difflib.get_close_matches(name.lower()[:40], [command.name for command in commands], n=1, cutoff=0.55)
    return find(close[0], commands) if close else None


def bind(command: Command, invocation: Invocation) -> Invocation:
    """The invocation with its options checked against the command's: defaults filled in, numbers read.

    What does not fit is told in `error`; an error of the parser stays.
    """
    if invocation.error:
        return invocation
    options: dict[str, str | int] = {o.name: o.default for o in command.options if o.default is not None}
    for name, value in invocation.options.items():
        option = next((option for option in command.options if option.name == name), None)
        if option is None:
            return replace(invocation, error=_unknown_option(command, name))
        if not isinstance(option.default, int):
            options[name] = value
        elif str(value).isascii() and str(value).isdigit() and len(str(value)) <= 9:
            options[name] = int(value)
        else:
            return replace(invocation, error=f"Option --{name} takes a whole number, not {str(value)[:40]!r}.")
    if invocation.arguments and not command.arguments:
        return replace(invocation, error=f"{invocation.arguments[0][:40]!r} is not understood here.")
    return replace(invocation, options=options)


async def answer(context: CommandContext, invocations: list[Invocation]) -> Answer:
    """Runs the commands of one comment in order and joins what they say into one answer."""
    answers = [await _answer_one(context, invocation) for invocation in invocations]
    return Answer(
        "\n\n---\n\n".join(one.markdown for one in answers),
        all(one.good for one in answers),
        tuple(request for one in answers for request in one.requests),
    )


def asks_for_permission(invocations: list[Invocation], commands: tuple[Command, ...] = COMMANDS) -> bool:
    """Whether any of them changes something, so that the asker's permission must be known."""
    found = (find(invocation.name, commands) for invocation in invocations)
    return any(command is not None and command.who is not Who.READ for command in found)


async def _answer_one(context: CommandContext, invocation: Invocation) -> Answer:
    command = find(invocation.name, context.commands)
    if command is None:
        close = nearest(invocation.name, context.commands)
        return Answer(unknown_markdown(invocation.name, close, context.commands), good=False)
    bound = bind(command, invocation)
    if bound.error:
        return Answer(error_markdown(bound.error, command), good=False)
    author = command.who is Who.AUTHOR and context.is_author
    if command.who is not Who.READ and not context.may_write and not author:
        return Answer(refusal_markdown(context.asker, command, context.permission), good=False)
    try:
        reply = await command.run(context, bound)
    except UserError as error:
        return Answer(error_markdown(str(error), command), good=False)
    if isinstance(reply, str):
        return Answer(reply, good=True)
    return Answer(reply.markdown, good=True, requests=reply.requests)


def _unknown_option(command: Command, name: str) -> str:
    if not command.options:
        return f"{command.name} takes no option --{name[:40]}."
    known = ", ".join(f"--{option.name}" for option in command.options)
    return f"There is no option --{name[:40]}; {command.name} takes {known}."
