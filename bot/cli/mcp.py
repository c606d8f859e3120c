"""`pipeline mcp`."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from bot.cli.output import Failed, load_settings, note, run_async

_NAME = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}", re.ASCII)


def mcp(
    repo: Annotated[
        str | None, typer.Option(help="Only what readers of this repository (owner/name) may know.")
    ] = None,
) -> None:
    """Health, patterns, failures for agents, over MCP on stdin and stdout."""
    if repo is not None and not _NAME.fullmatch(repo):
        raise Failed(f"--repo takes OWNER/NAME, not {repo[:140]!r}", 2)
    try:
        from bot.cli.mcp_tools import server
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("bot", "storage", "classifiers"):
            raise
        raise Failed("mcp needs an extra: run `pip install 'pipeline-monitor[mcp]'`", 2) from error
    settings = load_settings()
    if sys.stdin.isatty():
        note("pipeline: waits for an agent on stdin, which starts this itself: see docs/agents-read.md; Ctrl-C ends it")
    run_async(server(settings.database_url, repo).run_stdio_async())
