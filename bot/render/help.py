"""The help, and the answers to commands that could not be carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.render.markdown import code, prose

if TYPE_CHECKING:
    from bot.commands.spec import Command


def help_markdown(commands: tuple[Command, ...]) -> str:
    """Every command with its usage and who may use it; its options and examples are the help of one command."""
    how = "A command stands at the start of a line of a new comment. Needs: the permission in this repository."
    more = "Next: `/pipeline help COMMAND` shows options and examples."
    return "\n\n".join(["### Commands", commands_table(commands), how, more])


def commands_table(commands: tuple[Command, ...]) -> str:
    """Every command in a row; the table of the documents is this one."""
    rows = ["| Command | What it does | Needs |", "| --- | --- | --- |"]
    rows += [
        f"| `{command.usage.replace('|', chr(92) + '|')}` | {command.summary} | {command.who} |" for command in commands
    ]
    return "\n".join(rows)


def command_markdown(command: Command) -> str:
    """The help of one command."""
    options = "\n".join(
        f"- `--{option.name}`: {option.summary}"
        + (f" (default `{option.default}`)" if option.default is not None else "")
        for option in command.options
    )
    examples = "\n".join(command.examples)
    needs = f"{command.summary} Needs {command.who} permission."
    parts = (f"`{command.usage}`", needs, options, f"```text\n{examples}\n```")
    return "\n\n".join(part for part in parts if part)


def unknown_markdown(name: str, nearest: Command | None, commands: tuple[Command, ...]) -> str:
    """There is no such command: the nearest one, and the help."""
    guess = f" Did you mean `{nearest.examples[0]}`?" if nearest else ""
    return f"There is no command {code(name, limit=40)}.{guess}\n\n{help_markdown(commands)}"


def error_markdown(message: str, command: Command) -> str:
    """The command could not be carried out: why, and how it is used."""
    return f"{prose(message)}\n\nUsage: `{command.usage}`, for example `{command.examples[0]}`."


def refusal_markdown(login: str, command: Command, permission: str) -> str:
    """A polite refusal: which permission the command needs, and which one this person has."""
    has = f"you have {prose(permission, limit=20)}" if permission else "you have none"
    return (
        f"Sorry {code(login, limit=50)}, `/pipeline {command.name}` needs **{command.who}** permission "
        f"in this repository and {has}.\n\nNext: ask somebody with {command.who} permission to run it."
    )
