"""One file out of an npm package, fetched once and kept in the ignored folder `.cache/npm`."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "npm"
FETCH_SECONDS = 90
TRY_AGAIN_SECONDS = 600
"""A failed fetch is not repeated within this time: each test process would wait for the network anew."""


class NotAvailable(Exception):
    """The file is not here and cannot be fetched; the text says why and what to do."""


def member(package: str, version: str, path: str) -> Path:
    """The cached file `path` of a package, fetched by `npm pack` when it is not there yet."""
    kept = CACHE / f"{package.replace('/', '_')}-{version}" / Path(path).name
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(kept.parent / "lock"):
        if not kept.exists():
            _fetch(package, version, path, kept)
    return kept


def _fetch(package: str, version: str, path: str, kept: Path) -> None:
    failed = kept.parent / "failed"
    if failed.exists() and time.time() - failed.stat().st_mtime < TRY_AGAIN_SECONDS:
        raise NotAvailable(failed.read_text())
    try:
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            _take_out(_pack(f"{package}@{version}", Path(folder)), path, kept)
    except (OSError, subprocess.SubprocessError, KeyError, tarfile.TarError) as error:
        reason = f"{package}@{version} could not be fetched with npm ({error}); online, run it again"
        failed.write_text(reason)
        raise NotAvailable(reason) from error
    failed.unlink(missing_ok=True)


def _pack(spec: str, folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed")
    command = [npm, "pack", spec, "--silent", "--fetch-retries=0", "--fetch-timeout=30000"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=FETCH_SECONDS)
    return next(folder.glob("*.tgz"))


def _take_out(archive: Path, path: str, kept: Path) -> None:
    with tarfile.open(archive) as package:
        source = package.extractfile(f"package/{path}")
        if source is None:
            raise KeyError(f"{path} is not a file of {archive.name}")
        unfinished = archive.with_suffix(".part")
        with unfinished.open("wb") as target:
            shutil.copyfileobj(source, target)
    unfinished.replace(kept)


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
