"""Token mode's list of repositories: `.storyteller/config.json`, or the file PIPELINE_CONFIG names."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

FULL_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$")


class _Entry(msgspec.Struct):
    name: str


class _Config(msgspec.Struct):
    repositories: dict[str, _Entry]


class TokenConfigError(Exception):
    """The list of repositories cannot be used; the text names the file and the remedy."""


def watched_repositories(path: Path) -> frozenset[str]:
    """Lower-cased `owner/name` of every repository in `{"repositories": {KEY: {"name": "owner/repo", …}}}`."""
    remedy = 'write {"repositories": {"backend": {"name": "owner/repo"}}} there, or name the file in PIPELINE_CONFIG'
    try:
        config = msgspec.json.decode(path.read_bytes(), type=_Config)
    except OSError as error:
        raise TokenConfigError(f"{path} cannot be read ({error.strerror}); {remedy}") from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise TokenConfigError(f"{path} cannot be used ({error}); {remedy}") from error
    wrong = [entry.name for entry in config.repositories.values() if not FULL_NAME.match(entry.name)]
    if wrong:
        raise TokenConfigError(f"{path}: {wrong[0]!r} is not a repository in the form owner/name")
    return frozenset(entry.name.lower() for entry in config.repositories.values())
