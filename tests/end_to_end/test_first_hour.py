"""The errors of a newcomer's first hour: each is one clear line that ends with what to do, and an exit code."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.cli.program import run
from tests.end_to_end.processes import ROOT, free_port, outside

pytestmark = pytest.mark.slow

WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all")
"""Root as nobody special: the rights of files count."""


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and none of our own settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "WEBHOOK_", "PIPELINE_", "DATABASE_"))]:
        monkeypatch.delenv(name)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 1) -> str:
    """The one line that a call ends with."""
    assert run(list(arguments)) == code
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("pipeline: ")
    return line


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python as a child process in the present folder."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_old_python_is_told_which_one_it_needs() -> None:
    pretend = "import sys, runpy; sys.version_info = (3, 9, 18); runpy.run_module('bot', run_name='__main__')"
    done = python("-c", pretend)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "pipeline: needs Python 3.11 or newer, and this is 3.9.18; make the environment with python3.11\n"
    )


def test_a_python_without_our_packages_is_told_to_install() -> None:
    done = python("-S", "-m", "bot", "--version")
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.endswith("is not installed here; run .venv/bin/pipeline, or `pip install .` first")


@pytest.mark.skipif(os.getuid() == 0 and shutil.which("setpriv") is None, reason="root may write everywhere")
def test_no_permission_to_write_names_the_folder(clean: Path) -> None:
    folder = clean / "others"
    folder.mkdir(mode=0o555)
    done = subprocess.run(
        [*(WITHOUT_RIGHTS if os.getuid() == 0 else ()), sys.executable, "-m", "bot", "serve", "--port", "0"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert f"give this user write permission on the folder {folder}" in line
    assert "DATABASE_URL" in line


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("db", "upgrade")], ids=" ".join)
def test_a_folder_that_is_missing_is_named(
    command: tuple[str, ...], clean: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{clean}/none/pipeline.db")
    assert f"make the folder {clean / 'none'}" in told(capsys, *command)


def test_a_port_that_is_taken_leads_to_another(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        line = told(capsys, "serve", "--port", str(other.getsockname()[1]))
    assert "Address already in use" in line
    assert "--port" in line


def test_a_wrong_key_is_told_before_anything_starts(
    clean: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_APP_ID", "1")
    (clean / "app.pem").write_text("-----BEGIN CERTIFICATE-----\nsecretstuff\n-----END CERTIFICATE-----\n")
    monkeypatch.setenv("GITHUB_PRIVATE_KEY_PATH", "app.pem")
    line = told(capsys, "serve", code=2)
    assert "download one from the App's settings page" in line
    assert "secretstuff" not in line


def a_key() -> str:
    """A good key that belongs to no App."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.mark.slow
async def test_another_apps_key_is_found_by_doctor_and_told_by_scan(clean: Path) -> None:
    async with outside(clean, "") as out:
        out.environment.pop("GITHUB_PRIVATE_KEY_PATH")
        out.environment["GITHUB_PRIVATE_KEY"] = a_key()
        for arguments, word in ((("doctor",), "make a new private key"), (("scan", "octo/app"), "key of this App")):
            program = await out.start(*arguments)
            assert await program.ended() == 1
            assert word in program.output
            assert "Traceback" not in program.output


async def test_a_wrong_secret_is_told_to_the_sender_and_in_the_log(clean: Path) -> None:
    async with outside(clean, "sqlite:///pipeline.db") as out:
        server = await out.serve()
        try:
            headers = {"X-Hub-Signature-256": "sha256=00", "X-GitHub-Event": "ping", "X-GitHub-Delivery": "1"}
            async with out.session.post(f"{out.url}/webhook", json={}, headers=headers) as answer:
                assert (answer.status, "signature" in await answer.text()) == (401, True)
            await server.said("the signature in X-Hub-Signature-256 is missing or wrong")
        finally:
            server.kill()
            await server.ended()


def test_without_a_network_it_asks_whether_there_is_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_0123456789abcdefghijklmnopqrstuvwxyz")
    nobody = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("GITHUB_API_URL", nobody)
    line = told(capsys, "classify", f"{nobody}/octo/app/actions/runs/1")
    assert "is this machine online, and is GITHUB_API_URL right?" in line


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("db", "upgrade")], ids=" ".join)
def test_a_database_of_a_newer_version_is_left_alone(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["db", "upgrade"]) == 0
    capsys.readouterr()
    with sqlite3.connect("pipeline.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'of-tomorrow'")
    connection.close()
    assert "run that version or restore a backup" in told(capsys, *command)


def test_an_old_database_is_brought_up_to_date_and_read_only_commands_say_how(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sqlite3.connect("pipeline.db").execute("CREATE TABLE something (id INTEGER)").connection.close()
    assert run(["health"]) == 0
    assert "run `pipeline db upgrade`" in capsys.readouterr().err
    assert run(["db", "upgrade"]) == 0
    assert run(["health"]) == 0
    assert "upgrade" not in capsys.readouterr().err.splitlines()[-1].replace("up to date", "")


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("dashboard",)], ids=" ".join)
def test_a_file_that_is_no_database_is_one_line(
    command: tuple[str, ...], clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (clean / "pipeline.db").write_text("this is a text, and long enough to be looked at by SQLite\n" * 20)
    assert "DATABASE_URL names a file that is no SQLite database" in told(capsys, *command)


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("dashboard",)], ids=" ".join)
def test_a_postgresql_that_does_not_answer_is_asked_after(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://user:hidden@127.0.0.1:{free_port()}/name")
    line = told(capsys, *command)
    assert "is the PostgreSQL of DATABASE_URL running" in line
    assert "hidden" not in line


def test_a_mistyped_command_or_option_leads_to_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Did you mean 'health'?" in told(capsys, "heath", code=2)
    assert "Try `pipeline inbox revive --help`." in told(capsys, "inbox", "revive", code=2)
