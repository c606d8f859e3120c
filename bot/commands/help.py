"""`/pipeline help`: what can be asked, made from the commands themselves."""

from __future__ import annotations

from bot.commands.spec import Command, CommandContext, Invocation
from bot.errors import UserError
from bot.render.help import command_markdown, help_markdown


async def run(context: CommandContext, invocation: Invocation) -> str:
    """All commands, or the one that is named."""
    if not invocation.arguments:
        return help_markdown(context.commands)
    wanted = invocation.arguments[0].lower()
    for command in context.commands:
        if command.name == wanted:
            return command_markdown(command)
    known = ", ".join(command.name for command in context.commands)
    raise UserError(f"There is no command {wanted[:40]!r}; there are {known}.")


COMMAND = Command(
    name="help",
    summary="Lists the commands, or explains one.",
    run=run,
    arguments="[COMMAND]",
    examples=("/pipeline help", "/pipeline help health"),
)
