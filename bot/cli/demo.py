"""`pipeline demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.cli.output import Failed, run_async


def demo(
    keep_running: Annotated[
        bool, typer.Option("--keep-running", help="Leave the server and the stand-in GitHub running until Ctrl-C.")
    ] = False,
) -> int:
    """The main job with no account and no network: a stand-in GitHub, the real server, and what it posts."""
    from bot.demo.run import DemoFailed, play

    try:
        return run_async(play(keep_running=keep_running))
    except DemoFailed as error:
        tail = [f"server log: {line}" for line in error.log]
        raise Failed("\n".join([f"the demo failed: {error}", *tail])) from error
    except OSError as error:
        raise Failed(f"the demo failed: {error}") from error
