"""The credentials' way into `.env`: whole or not at all, for its owner's eyes, never over a value that is there."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from dotenv import dotenv_values

NAMES = ("GITHUB_APP_ID", "GITHUB_PRIVATE_KEY", "WEBHOOK_SECRET")
OTHER_NAMES = ("APP_ID", "PRIVATE_KEY", "GITHUB_PRIVATE_KEY_PATH", "PRIVATE_KEY_PATH")
"""Other variables with the same meaning: one of them beside ours would decide which is used."""


class CannotKeep(Exception):
    """The file cannot be read or written, or would not give back what is written. The text has no value in it."""


class Present(Exception):
    """Variables are set already; the text names them and where."""


def check(path: Path, environment: Mapping[str, str]) -> None:
    """Whether `path` could take the credentials. Raises Present or CannotKeep; changes nothing.

    Variables are compared without regard to case and empty ones do not count, as the settings are read.
    """
    where = {f"{name} in the environment" for name in _set(environment)}
    where |= {f"{name} in {path}" for name in _set(dotenv_values(stream=io.StringIO(_text(path))))}
    if where:
        raise Present(", ".join(sorted(where)))
    with _beside(path.resolve()):
        pass


def write(path: Path, values: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Add the variables at the end of `path`, mode 0600, by renaming a finished file over it.

    Raises Present or CannotKeep; then the file is as it was.
    """
    check(path, environment)
    before = _text(path)
    after = before + ("\n" if before and not before.endswith("\n") else "") + _lines(values)
    read = dotenv_values(stream=io.StringIO(after))
    if any(read.get(name) != value for name, value in values.items()):
        raise CannotKeep(f"{path} has a line at its end that is not finished; what is written after it cannot be read")
    real = path.resolve()
    with _beside(real) as temporary:
        try:
            temporary.write(after.encode())
            temporary.flush()
            os.fsync(temporary.fileno())
            Path(temporary.name).replace(real)
        except OSError as error:
            raise CannotKeep(f"{path} cannot be written: {error.strerror}") from error


def _set(values: Mapping[str, str | None]) -> list[str]:
    taken = {*NAMES, *OTHER_NAMES}
    return [name for name, value in values.items() if name.upper() in taken and value]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise CannotKeep(f"{path} cannot be read: {reason}") from error


def _lines(values: Mapping[str, str]) -> str:
    quoted = (
        (name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in values.items()
    )
    return "".join(f'{name}="{value}"\n' for name, value in quoted)


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[IO[bytes]]:
    """A new file of mode 0600 in the same folder; it is gone afterwards unless it was renamed."""
    try:
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        temporary = tempfile.NamedTemporaryFile(prefix=f"{path.name}.", dir=path.parent, delete=False)  # noqa: SIM115
    except OSError as error:
        raise CannotKeep(f"{path} cannot be written: {error.strerror}") from error
    try:
        yield temporary
    finally:
        temporary.close()
        Path(temporary.name).unlink(missing_ok=True)
