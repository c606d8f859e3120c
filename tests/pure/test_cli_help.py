"""`--help` of every command, and completion in the shell."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from bot.cli.examples import EXAMPLES
from bot.cli.program import build, run
from tests.calls import calls_in, parsed

ROOT = Path(__file__).resolve().parents[2]


def commands(group: Any = None, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every command and group of commands by its full name."""
    for name, command in (group or typer.main.get_command(build())).commands.items():
        yield f"{before}{name}", command
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")


def test_every_command_has_examples_and_they_stand_in_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(EXAMPLES) == [name for name, _ in commands()]
    for name, lines in EXAMPLES.items():
        assert run([*name.split(), "--help"]) == 0
        shown = capsys.readouterr().out.splitlines()
        assert {f"    {line}" for line in lines} <= set(shown), name
        assert max(map(len, shown)) <= 80


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_a_call_of_its_command(name: str) -> None:
    for line in EXAMPLES[name]:
        [arguments] = calls_in(line)
        assert parsed(arguments).split()[: len(name.split())] == name.split()


@pytest.mark.parametrize(
    ("shell", "typed", "offered"),
    [("bash", "pipeline he", "health"), ("zsh", "pipeline inbox re", "revive"), ("fish", "pipeline do", "doctor")],
)
def test_the_shell_completes_commands(shell: str, typed: str, offered: str) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1), "_TYPER_COMPLETE_ARGS": typed}
    done = subprocess.run(
        [sys.executable, "-m", "bot"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "_PIPELINE_COMPLETE": f"complete_{shell}",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            **words,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, offered in done.stdout, done.stderr) == (0, True, ""), done
