"""What every command prints with: answers on stdout, errors as Failed, settings with their mistakes told."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from bot.settings import Settings

Result = TypeVar("Result")


class Failed(Exception):
    """Ends the command with a text on stderr, a line each, and an exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


class Format(StrEnum):
    """How an answer is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def say(text: str) -> None:
    """One answer on stdout."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Something besides the answer, on stderr."""
    sys.stderr.write(f"{text}\n")


def colours() -> bool:
    """Whether the answer may be decorated: only on a terminal, never with NO_COLOR."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def load_settings(**flags: Any) -> Settings:
    """Settings from flags, environment and `.env`; unusable ones end the call with code 2."""
    from bot.settings import SettingsError, load

    try:
        return load(flags)
    except SettingsError as error:
        raise Failed(str(error), 2) from error


def run_async(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end, on uvloop where it is installed."""
    import asyncio

    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)
