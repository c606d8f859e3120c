"""The `pipeline` command line: its commands, global options, exit codes, and errors in one clear line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Annotated

import typer
from typer.exceptions import TyperException

from bot.cli import (
    classify,
    dashboard,
    db,
    demo,
    doctor,
    export,
    health,
    inbox,
    mcp,
    patterns,
    reclassify,
    replay,
    rules,
    scan,
    serve,
)
from bot.cli.examples import under
from bot.cli.output import Failed, say
from bot.cli.remedies import remedy

NAME = "pipeline"
COMMANDS: Mapping[str, Callable[..., int | None]] = {
    "serve": serve.serve,
    "worker": serve.worker,
    "dashboard": dashboard.dashboard,
    "health": health.health,
    "patterns": patterns.patterns,
    "export": export.export,
    "classify": classify.classify,
    "scan": scan.scan,
    "rules": rules.rules,
    "reclassify": reclassify.reclassify,
    "replay": replay.replay,
    "mcp": mcp.mcp,
    "demo": demo.demo,
    "doctor": doctor.doctor,
}
"""In the order of the help; the groups follow."""


def build() -> typer.Typer:
    """The program with every command."""
    program = typer.Typer(
        name=NAME,
        help="Reads failed CI runs and says what broke, why, and whether it was seen before.",
        add_completion=True,
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

    for name, command in COMMANDS.items():
        program.command(name, epilog=under(name))(command)
    program.add_typer(inbox.program(), name="inbox", epilog=under("inbox"))
    program.add_typer(db.program(), name="db", epilog=under("db"))
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
        return _told(_with_remedy(str(error), error), error.code, debug=debug)
    except TyperException as error:
        text = error.format_message() if hasattr(error, "format_message") else str(error)
        context = getattr(error, "ctx", None)
        return _told(
            f"{text} Try `{context.command_path if context else NAME} --help`.",
            getattr(error, "exit_code", 2),
            debug=debug,
        )
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output went away; nothing is left to say to anybody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001  # the last resort: one line, the traceback only on request
        if known := remedy(error):
            return _told(known, 1, debug=debug)
        return _told(f"{type(error).__name__}: {error} (a bug; --debug shows where)", 1, debug=debug)
    return result if isinstance(result, int) else 0


def _with_remedy(text: str, error: Failed) -> str:
    known = remedy(error)
    return f"{text}; {known}" if known else text


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
