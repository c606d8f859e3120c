"""What a slash command is: its description, who may use it, and one use of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.actions import Request
from storage.model import Repository

if TYPE_CHECKING:
    from storage.database import Database

PREFIX = "/pipeline"


class Who(StrEnum):
    """The permission in the repository that a command needs, in GitHub's word."""

    READ = "read"
    WRITE = "write"
    AUTHOR = "write, or the pull request's author"
    """Its author may too, where the command itself finds nothing against it."""


@dataclass(frozen=True, slots=True)
class Option:
    """`--name VALUE` of a command."""

    name: str
    """Without the dashes, as typed: `time-range`."""
    summary: str
    default: str | int | None = None
    """An int makes the option take whole numbers only."""
    value: str = "VALUE"
    """What stands for the value in the usage line."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One use of a command as it was typed. `error` says why it cannot be run, in a sentence for the user."""

    name: str
    """In lower case; not necessarily a command that exists."""
    options: Mapping[str, str | int] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """What a command may see. There is no client of GitHub in it: a command reads and answers."""

    database: Database
    repository: Repository
    """The repository in which the comment stands."""
    now: int
    """Epoch seconds."""
    commands: tuple[Command, ...]
    asker: str = ""
    """Login of whoever typed the comment."""
    permission: str = "read"
    """GitHub's word for what the asker may do here: `admin`, `write`, `read` or `none`."""
    issue_number: int | None = None
    """The issue or pull request in which the comment stands."""
    pull_request: bool = False
    """That is a pull request."""
    issue_author: str = ""
    """Login of whoever opened it."""

    @property
    def may_write(self) -> bool:
        """Whether the asker may change things here."""
        return self.permission in {"admin", "write"}

    @property
    def is_author(self) -> bool:
        """Whether the asker opened the pull request in which this stands."""
        return self.pull_request and bool(self.asker) and self.asker == self.issue_author


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer together with what is to be done; where that fails, the reason is answered instead."""

    markdown: str
    requests: tuple[Request, ...] = ()


Run = Callable[[CommandContext, Invocation], Awaitable[str | Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A slash command. `run` answers in Markdown and raises `UserError` with what the user can mend."""

    name: str
    summary: str
    run: Run
    options: tuple[Option, ...] = ()
    arguments: str = ""
    """What may follow the name besides options, as in a usage line: `[COMMAND]`; empty: nothing may."""
    examples: tuple[str, ...]
    who: Who = Who.READ

    @property
    def usage(self) -> str:
        """The usage line: `/pipeline health [--time-range RANGE]`."""
        options = [f"[--{option.name} {option.value}]" for option in self.options]
        return " ".join(part for part in (PREFIX, self.name, self.arguments, *options) if part)
