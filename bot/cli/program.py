"""The `pipeline` command line: its commands, global options, exit codes, and errors in one clear line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from typer.exceptions import TyperException

from bot.cli import classify, dashboard, db, demo, doctor, export, health, inbox, patterns, replay, scan, serve
from bot.cli.output import Failed, say

NAME = "pipeline"


def build() -> typer.Typer:
    """The program with every command."""
    program = typer.Typer(
        name=NAME,
        help="Reads failed CI runs and says what broke, why, and whether it was seen before.",
        add_completion=False,
        no_args_is_help=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )

    @program.callback(invoke_without_command=True)
    def top(
        context: typer.Context,
        version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
        debug: Annotated[  # noqa: ARG001  # taken out of the arguments before; here for --help
            bool, typer.Option("--debug", help="Tracebacks and debug logs; may follow the command.")
        ] = False,
    ) -> None:
        if version:
            say(f"{NAME} {_version()}")
            raise typer.Exit
        if context.invoked_subcommand is None:
            say(context.get_help())

    program.command("serve")(serve.serve)
    program.command("worker")(serve.worker)
    program.command("dashboard")(dashboard.dashboard)
    program.command("health")(health.health)
    program.command("patterns")(patterns.patterns)
    program.command("export")(export.export)
    program.command("classify")(classify.classify)
    program.command("scan")(scan.scan)
    program.command("replay")(replay.replay)
    program.command("demo")(demo.demo)
    program.command("doctor")(doctor.doctor)
    program.add_typer(inbox.program(), name="inbox")
    program.add_typer(db.program(), name="db")
    return program


def run(arguments: list[str]) -> int:
    """Run one call. 0: it answered or did the work; 1: the work failed; 2: the call was wrong."""
    arguments, debug = _without_debug(arguments)
    if debug:
        os.environ["LOG_LEVEL"] = "debug"
    return _guarded(lambda: build()(args=arguments, standalone_mode=False, prog_name=NAME), debug=debug)


def _guarded(call: Callable[[], object], *, debug: bool) -> int:
    try:
        result = call()
    except Failed as error:
        return _told(str(error), error.code, debug=debug)
    except TyperException as error:
        text = error.format_message() if hasattr(error, "format_message") else str(error)
        return _told(f"{text} Try `{NAME} --help`.", getattr(error, "exit_code", 2), debug=debug)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output went away; nothing is left to say to anybody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001  # the last resort: one line, the traceback only on request
        return _told(f"{type(error).__name__}: {error} (a bug; --debug shows where)", 1, debug=debug)
    return result if isinstance(result, int) else 0


def _told(text: str, code: int, *, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc(file=sys.stderr)
    for line in text.splitlines() or [""]:
        sys.stderr.write(f"{NAME}: {line}\n")
    return code


def _without_debug(arguments: list[str]) -> tuple[list[str], bool]:
    """`--debug` counts before and after the command; what follows `--` is not ours."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    ours = [argument for argument in arguments[:end] if argument != "--debug"]
    return [*ours, *arguments[end:]], len(ours) < end


def _version() -> str:
    from importlib.metadata import version

    return version("pipeline-monitor")
