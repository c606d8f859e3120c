"""The settings that count for a repository: its own file over its organisation's, read once in a while.

A file is asked for again after five minutes, and then by its ETag; that there is none is remembered as well. GitHub
being away changes nothing: what was known counts on, and the log says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from cachetools import LRUCache

from bot import config_reading
from bot.config_reading import NOTHING, FileRead, Mistake
from bot.errors import Forbidden, GitHubRefused, NotFound, Retry
from bot.github.client import GitHub
from bot.github.file import NoFile, NotModified
from bot.repo_config import DEFAULTS, PATH, RepoConfig
from bot.yaml_nodes import LARGEST
from storage import installations
from storage.database import Database
from storage.model import Repository

log = structlog.get_logger(__name__)

FRESH_SECONDS = 300
AGAIN_SECONDS = 60
"""After a look that failed."""
MOST_KEPT = 5_000
ORGANISATION = ".github"
"""The repository of an owner whose file gives defaults to the others."""
FORBIDDEN = FileRead({}, (Mistake(None, "it cannot be read: the App lacks the permission contents: read"),))


@dataclass(frozen=True, slots=True)
class Configured:
    """What counts, and what is wrong with the files, as sentences for the check run."""

    settings: RepoConfig = DEFAULTS
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    found: FileRead
    etag: str
    until: float
    """When it is to be asked for again, in epoch seconds."""


class ConfigSource:
    """Reads and keeps the files of every repository this process works for."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._known: LRUCache[tuple[int, str], _Known] = LRUCache(MOST_KEPT)
        self._settled: LRUCache[tuple[int, str], tuple[Configured, float]] = LRUCache(MOST_KEPT)

    async def of(self, repo: Repository, github: GitHub) -> Configured:
        """The settings of a repository. Costs no call where they were read in the last five minutes."""
        key = _key(repo)
        kept = self._settled.get(key)
        if kept is None or self._clock() >= kept[1]:
            own = await self._file(repo, github)
            organisation = await self._organisation(repo)
            kept = self._settled[key] = (
                await self._over(organisation, own.found, github) if organisation else _alone(own.found),
                own.until,
            )
        return kept[0]

    async def _over(self, organisation: Repository, own: FileRead, github: GitHub) -> Configured:
        under = (await self._file(organisation, github)).found
        if under is FORBIDDEN:
            under = NOTHING
        # A private repository's text must not be read in a public one's check run.
        quoting = not organisation.private
        theirs = config_reading.notes(f"{organisation.full_name}/{PATH}", under, quoting=quoting)
        return Configured(config_reading.settled(own, under), (*config_reading.notes(PATH, own), *theirs))

    async def _organisation(self, repo: Repository) -> Repository | None:
        """The owner's `.github` repository, where this installation reaches it."""
        name = f"{repo.full_name.partition('/')[0]}/{ORGANISATION}"
        if repo.full_name.lower() == name.lower():
            return None
        async with self._database.read() as conn:
            found = await installations.repository_named(conn, name)
        reachable = found is not None and found.removed_at is None and found.installation_id == repo.installation_id
        return found if reachable else None

    async def _file(self, repo: Repository, github: GitHub) -> _Known:
        known = self._known.get(_key(repo))
        if known is None or self._clock() >= known.until:
            known = self._known[_key(repo)] = await self._asked(repo, github, known)
        return known

    async def _asked(self, repo: Repository, github: GitHub, known: _Known | None) -> _Known:
        until = self._clock() + FRESH_SECONDS
        before = known or _Known(NOTHING, "", 0)
        try:
            file = await github.file(repo.full_name, PATH, most=LARGEST + 1, etag=before.etag)
        except NotModified:
            return _Known(before.found, before.etag, until)
        except NotFound:
            return _Known(NOTHING, "", until)
        except NoFile:
            return _Known(_wrong("a folder is here: put the file in its place"), "", until)
        except Forbidden:
            return _Known(FORBIDDEN, "", until)
        except (Retry, GitHubRefused) as error:
            log.warning("the configuration could not be read; what was known counts", reason=str(error))
            return _Known(before.found, before.etag, self._clock() + AGAIN_SECONDS)
        # Parsing and compiling a stranger's file takes milliseconds, but not the event loop's.
        found = await asyncio.to_thread(config_reading.read, file.data)
        for mistake in found.mistakes[: config_reading.MOST_TOLD]:
            log.warning("mistake in the configuration", file=PATH, line=mistake.line, reason=mistake.text)
        return _Known(found, file.etag, until)


def _key(repo: Repository) -> tuple[int, str]:
    return repo.installation_id, repo.full_name.lower()


def _alone(own: FileRead) -> Configured:
    return Configured(config_reading.settled(own), config_reading.notes(PATH, own))


def _wrong(text: str) -> FileRead:
    return FileRead({}, (Mistake(None, text),))
