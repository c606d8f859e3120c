"""The registry: complete, consistent with its own examples, helpful to whoever mistypes."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import cast

import pytest

import bot.commands
from bot.commands.parser import parse
from bot.commands.registry import COMMANDS, answer, bind, find, nearest
from bot.commands.spec import Command, CommandContext, Invocation
from bot.errors import UserError
from bot.time_range import TimeRangeError
from bot.time_range import parse as parse_time_range
from storage.database import Database
from tests import factories as make

MACHINERY = {"__init__", "spec", "parser", "blocks", "registry", "target", "asked"}
FILES = sorted(path.stem for path in Path(bot.commands.__path__[0]).glob("*.py") if path.stem not in MACHINERY)
HEALTH = find("health")
HELP = find("help")
assert HEALTH
assert HELP


def context() -> CommandContext:
    no_database = cast(Database, None)
    return CommandContext(database=no_database, repository=make.a_repository(), now=make.NOW, commands=COMMANDS)


def commands_in(name: str) -> tuple[Command, ...]:
    module = import_module(f"bot.commands.{name}")
    return tuple(getattr(module, "COMMANDS", None) or (module.COMMAND,))


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_registered_under_its_own_name(name: str) -> None:
    assert commands_in(name)[0] is find(name)


def test_every_registered_command_has_its_file() -> None:
    in_files = [command.name for name in FILES for command in commands_in(name)]
    assert sorted(command.name for command in COMMANDS) == sorted(in_files)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_example_is_understood_by_its_own_command(command: Command) -> None:
    assert command.examples
    for example in command.examples:
        (invocation,) = parse(example)
        assert find(invocation.name) is command
        assert bind(command, invocation).error is None


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_summary_is_one_sentence(command: Command) -> None:
    assert command.summary.endswith(".")
    assert "\n" not in command.summary


@pytest.mark.parametrize(
    ("typed", "meant"), [("helth", "health"), ("HEALT", "health"), ("hepl", "help"), ("zzz", None)]
)
def test_mistyped_name_finds_the_nearest(typed: str, meant: str | None) -> None:
    found = nearest(typed)
    assert (found.name if found else None) == meant


def test_defaults_are_filled_in() -> None:
    assert bind(HEALTH, Invocation("health")).options == {"time-range": "24h"}


def test_option_with_a_number_takes_only_numbers() -> None:
    option = replace(HEALTH.options[0], name="days", default=30)
    command = replace(HEALTH, options=(option,))
    assert bind(command, Invocation("x", {"days": "7"})).options == {"days": 7}
    assert bind(command, Invocation("x", {"days": "٣"})).error == "Option --days takes a whole number, not '٣'."


@pytest.mark.parametrize(
    ("invocation", "error"),
    [
        (Invocation("health", {"days": "7"}), "There is no option --days; health takes --time-range, --repo."),
        (Invocation("health", {}, ("now",)), "'now' is not understood here."),
        (Invocation("health", error="Option --repo needs a value."), "Option --repo needs a value."),
    ],
)
def test_what_does_not_fit_is_told(invocation: Invocation, error: str) -> None:
    assert bind(HEALTH, invocation).error == error


async def test_two_commands_get_one_answer() -> None:
    said = await answer(context(), [Invocation("help", {}, ("health",)), Invocation("help", {}, ("help",))])
    assert said.good
    assert said.markdown.count("\n\n---\n\n") == 1
    assert "`/pipeline health [" in said.markdown
    assert "`/pipeline help [" in said.markdown


async def test_unknown_command_gets_the_nearest_and_the_help() -> None:
    said = await answer(context(), [Invocation("helth")])
    assert not said.good
    assert "Did you mean `/pipeline health`?" in said.markdown
    assert "### Commands" in said.markdown


async def test_error_of_a_command_is_its_answer() -> None:
    async def run(_: CommandContext, __: Invocation) -> str:
        raise UserError("Nothing of @octocat is here.")

    said = await answer(replace(context(), commands=(replace(HELP, run=run),)), [Invocation("help")])
    assert not said.good
    assert said.markdown.startswith("Nothing of `@\u200boctocat` is here.")


async def test_wrong_time_range_is_told_without_a_look_into_the_database() -> None:
    said = await answer(context(), [Invocation("health", {"time-range": "soon"})])
    assert not said.good
    assert "no time range" in said.markdown


async def test_help_of_an_unknown_command_names_the_known_ones() -> None:
    said = await answer(context(), [Invocation("help", {}, ("nothing",))])
    assert "there are health, dashboard," in said.markdown


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1_800), ("24h", 86_400), ("7d", 604_800), (" 2W ", 1_209_600)])
def test_time_range_is_read(text: str, seconds: int) -> None:
    assert parse_time_range(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "0h", "-1d", "1.5h", "7 d", "٧d", "999999w", "401d", "24h\n7d"])
def test_time_range_that_is_none_says_what_is(text: str) -> None:
    with pytest.raises(TimeRangeError, match="for example 30m, 24h, 7d or 2w"):
        parse_time_range(text)
