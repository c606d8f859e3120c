"""Proof that a SQLite file belongs to one process: an flock beside it."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Self

from storage.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path


class AlreadyRunning(StorageError):
    """Another server or worker holds this SQLite file."""


class SoleProcess:
    """Holds `<database>.lock` as long as this process writes; the kernel frees it however the process ends."""

    def __init__(self, path: Path) -> None:
        self._database = path
        self._lock = path.with_name(path.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Takes the lock without waiting.

        Raises:
            AlreadyRunning: another process has it.
        """
        if self._descriptor is not None:
            return
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise AlreadyRunning(
                f"{self._database} is in use by process {holder or 'unknown'}: SQLite takes one server or worker. "
                "For several processes use PostgreSQL (DATABASE_URL=postgresql://user:password@host/name)"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Gives the lock back; the file stays, since removing it would let two processes hold two locks."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> int | None:
        """The process id of whoever holds the lock, 0 where it left none, None where nobody does.

        A look takes the lock for a moment, shared: prefer to ask the server, where it can be asked.
        """
        try:
            descriptor = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            written = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            return int(written) if written.isdecimal() else 0
        else:
            return None
        finally:
            os.close(descriptor)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
