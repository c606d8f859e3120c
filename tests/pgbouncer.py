"""A real PgBouncer in transaction mode before the tests' PostgreSQL; skipped where the program is not installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

START_SECONDS = 10


@contextmanager
def pgbouncer(database_url: str, *, port: int, pool: int = 2, **more: str) -> Iterator[str]:
    """The URL of the same database through a pooler with so many server connections; `more` are settings of it."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("no PgBouncer: install the package pgbouncer")
    url = make_url(database_url)
    folder = Path(tempfile.mkdtemp(prefix="pipeline-bouncer-", dir="/tmp"))
    host = url.query.get("host") or url.host
    target = f"* = host={host} user={url.username}" + (f" password={url.password}" if url.password else "")
    settings = {
        "listen_addr": "127.0.0.1", "listen_port": str(port), "unix_socket_dir": "", "auth_type": "any",
        "pool_mode": "transaction", "default_pool_size": str(pool), "max_client_conn": "200",
        "logfile": str(folder / "log"), **more,
    }  # fmt: skip
    lines = ["[databases]", target, "[pgbouncer]", *(f"{name} = {value}" for name, value in settings.items())]
    (folder / "ini").write_text("\n".join(lines) + "\n")
    # It refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    process = subprocess.Popen([program, "-q", str(folder / "ini")], user=user, stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_listens(process, port, folder / "log")
        yield f"postgresql://{url.username}@127.0.0.1:{port}/{url.database}"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    said = log.read_text("utf-8", "replace")[-1000:] if log.exists() else ""
    raise RuntimeError(f"PgBouncer did not start: {said}")
