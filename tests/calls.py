"""Calls of the program, as documents and platforms write them, held against the command line."""

from __future__ import annotations

import re
import shlex
from typing import Any

import typer.main

from bot.cli.program import build

ASSIGNMENT = re.compile(r"[A-Z_]+=.*")


def parsed(arguments: list[str]) -> str:
    """The command that the arguments call; raises where there is none such, or it does not take them."""
    group: Any = typer.main.get_command(build())
    words: list[str] = []
    while hasattr(group, "commands") and arguments and arguments[0] in group.commands:
        words.append(arguments[0])
        group, arguments = group.commands[arguments[0]], arguments[1:]
    if not words:
        raise ValueError(f"no command in {arguments}")
    group.make_context(" ".join(words), list(arguments))
    return " ".join(words)


def calls_in(shell: str) -> list[list[str]]:
    """The arguments of every call of `pipeline` in lines of shell, whatever stands before it or after it."""
    found = []
    for line in shell.replace("\\\n", " ").splitlines():
        for part in re.split(r"\s(?:&&|\|\||\||;|>)\s", line):
            words = shlex.split(part, comments=True)
            while words and ASSIGNMENT.fullmatch(words[0]):
                words = words[1:]
            if words and words[0].split("/")[-1] == "pipeline" and words[1:] and not words[1].startswith("--"):
                found.append(words[1:])
    return found
