"""What `pipeline classify` reads, and how it says that it cannot."""

from __future__ import annotations

import gzip
import io
import json
import os
import pty
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bot.cli import inputs
from bot.cli.program import run

LOG = b"##[group]Run ruff check .\n##[endgroup]\napp/a.py:1:8: F401 [*] `os` imported but unused\nFound 1 error.\n"
LOG += b"##[error]Process completed with exit code 1.\n"


def _by_name(value: object) -> str:
    """A test's name without the bytes, which differ with the time at which they were packed."""
    return value if isinstance(value, str) else ""


def zipped(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return data.getvalue()


def answers(capsys: pytest.CaptureFixture[str], code: int, *files: Path) -> tuple[list[dict[str, Any]], str]:
    """The answers of one call that ends with `code`, and what stands on stderr."""
    assert run(["classify", "--format", "json", *map(str, files)]) == code
    out = capsys.readouterr()
    return [json.loads(line) for line in out.out.splitlines()], out.err


def made(tmp_path: Path, name: str, data: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("plain.log", LOG),
        ("packed.gz", gzip.compress(LOG)),
        ("packed.log", gzip.compress(LOG[:40]) + gzip.compress(LOG[40:]) + b"\0" * 512),
        ("windows.log", b"\xff\xfe" + LOG.decode().encode("utf-16-le")),
        ("nul.log", LOG.replace(b"Found", b"\0\xff\xfeFound")),
    ],
    ids=_by_name,
)
def test_a_log_is_read_in_any_wrapping(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, data: bytes
) -> None:
    [answer], said = answers(capsys, 0, made(tmp_path, name, data))
    assert (answer["category"], answer["line"], said) == ("linting", 3, "")


def test_a_zip_of_logs_has_one_answer_for_each_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    members = {
        "0_lint.txt": LOG,
        "1_docs.txt": b"nothing\n",
        "lint/1_Set up job.txt": b"x\n",
        "lint/2_Run ruff.txt": LOG,
        "tests/10_Run.txt": LOG,
        "tests/2_Set up.txt": b"first\n",
        "tests/system.txt": b"x\n",
    }
    path = made(tmp_path, "logs.zip", zipped(members))
    found, _ = answers(capsys, 0, path)
    assert [(answer["file"].removeprefix(f"{path}/"), answer["category"], answer["line"]) for answer in found] == [
        ("0_lint.txt", "linting", 3),
        ("1_docs.txt", "unknown", None),
        ("tests", "linting", 4),
    ]


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("empty.log", b"", "it is empty"),
        ("empty.gz", gzip.compress(b""), "it is empty"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 40, "it is no text"),
        ("broken.gz", gzip.compress(LOG)[:20] + b"\xff" * 300, "gzip data is damaged"),
        ("cut.gz", gzip.compress(LOG)[:-12], "gzip data ends too early"),
        ("broken.zip", zipped({"0_a.txt": LOG})[:60], "zip data cannot be read"),
        ("other.zip", zipped({"a.csv": b"1,2"}), "there is no log"),
        ("nothing.zip", zipped({}), "there is no log"),
    ],
    ids=_by_name,
)
def test_what_is_no_log_is_told_and_the_others_are_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, data: bytes, why: str
) -> None:
    bad, good = made(tmp_path, name, data), made(tmp_path, "good.log", LOG)
    found, said = answers(capsys, 1, bad, good)
    assert [answer["file"] for answer in found] == [str(good)]
    assert said.startswith(f"pipeline: {bad}: ")
    assert why in said
    assert said.count("\n") == 1


def test_a_folder_and_a_missing_file_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, said = answers(capsys, 1, tmp_path, tmp_path / "none", made(tmp_path, "good.log", LOG))
    assert len(found) == 1
    assert "Is a directory" in said
    assert "No such file" in said


def test_a_damaged_job_of_a_zip_leaves_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(zipped({"0_a.txt": LOG, "1_b.txt": LOG}))
    data[data.index(b"0_a.txt") + 12] ^= 0xFF
    found, said = answers(capsys, 1, made(tmp_path, "logs.zip", bytes(data)))
    assert [answer["file"].rpartition("/")[2] for answer in found] == ["1_b.txt"]
    assert "logs.zip/0_a.txt" in said


@pytest.mark.parametrize("kind", ["gzip", "zip"])
def test_a_bomb_is_given_up_before_it_has_unfolded(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = b"a" * (3 << 20)
    data = gzip.compress(bomb) if kind == "gzip" else zipped({"0_a.txt": bomb, "1_b.txt": bomb})
    monkeypatch.setattr(inputs, "MOST_UNPACKED", 1 << 20)
    pieces = (piece for log in inputs.logs_of(str(made(tmp_path, "bomb", data))) for piece in log.chunks)
    read: list[int] = []
    with pytest.raises(inputs.Unreadable, match="unfolds to more than 1 MB"):
        read.extend(map(len, pieces))
    assert sum(read) <= 1 << 20


def test_a_pipe_is_read_like_a_file() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "classify", "--format", "json", "-"],
        input=zipped({"0_lint.txt": LOG}),
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["file"] == "-/0_lint.txt"


def test_a_bar_is_drawn_on_a_terminal_alone_and_answers_stay_clean(tmp_path: Path) -> None:
    files = [str(made(tmp_path, f"{number}.log", LOG)) for number in range(30)]
    leader, follower = pty.openpty()
    shown = bytearray()

    def read() -> None:
        try:
            while data := os.read(leader, 4096):
                shown.extend(data)
        except OSError:
            pass

    reader = threading.Thread(target=read)
    reader.start()
    command = [sys.executable, "-m", "bot", "classify", "--format", "json", *files]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=follower, check=True)
    os.close(follower)
    reader.join()
    os.close(leader)
    assert b"classifying" in shown
    assert [json.loads(line)["file"] for line in done.stdout.splitlines()] == files
    quiet = subprocess.run(command, capture_output=True, check=True)
    assert quiet.stderr == b""


def test_starting_the_command_line_loads_no_machinery_of_the_server() -> None:
    heavy = "asyncio aiohttp pydantic sqlalchemy structlog rich.progress msgspec cachetools importlib.metadata zipfile"
    code = (
        f"import sys, bot.cli.program; bot.cli.program.build(); print([m for m in {heavy.split()} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
