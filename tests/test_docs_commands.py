"""The table of slash commands in the documents is the registry's."""

from __future__ import annotations

import os
from pathlib import Path

from bot.commands.registry import COMMANDS
from bot.render.help import commands_table

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "commands.md"
BEGIN = "<!-- commands: made from the registry by tests/test_docs_commands.py -->\n"
END = "<!-- end of commands -->\n"


def test_the_documented_slash_commands_are_those_of_the_registry() -> None:
    """`UPDATE_SNAPSHOTS=1` writes the table anew."""
    head, rest = DOCUMENT.read_text(encoding="utf-8").split(BEGIN)
    documented, tail = rest.split(END)
    table = f"\n{commands_table(COMMANDS)}\n\n"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        DOCUMENT.write_text(f"{head}{BEGIN}{table}{END}{tail}", encoding="utf-8")
        documented = table
    assert documented == table
