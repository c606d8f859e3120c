"""The credentials' way into `.env`."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values

from bot.setup import env_file
from bot.setup.env_file import CannotKeep, Present

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow+/=\n-----END RSA PRIVATE KEY-----\n"
VALUES = {"GITHUB_APP_ID": "7", "GITHUB_PRIVATE_KEY": PEM, "WEBHOOK_SECRET": "a \"quoted\" \\n 'secret' #1"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def left(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


def test_what_is_written_is_read_back_as_it_was(path: Path) -> None:
    env_file.write(path, VALUES, {})
    assert dotenv_values(path) == VALUES
    assert len(path.read_text().splitlines()) == 3
    assert left(path) == [".env"]


def test_only_its_owner_may_read_it_even_where_it_was_open_before(path: Path) -> None:
    path.write_text("PORT=9000\n")
    path.chmod(0o644)
    env_file.write(path, VALUES, {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("before", ["PORT=9000\n", "PORT=9000", "# a note\n\nPORT=9000\nWEBHOOK_SECRET=\n"])
def test_what_stands_there_already_stays(path: Path, before: str) -> None:
    path.write_text(before)
    env_file.write(path, VALUES, {"WEBHOOK_SECRET": "", "GITHUB_TOKEN": "unrelated"})
    assert path.read_text().startswith(before)
    assert dotenv_values(path) == {"PORT": "9000", **VALUES}


@pytest.mark.parametrize("name", [*env_file.NAMES, *env_file.OTHER_NAMES, "webhook_secret"])
def test_a_value_that_is_there_is_never_written_over(path: Path, name: str) -> None:
    path.write_text(f"{name}=kept\n")
    with pytest.raises(Present, match=name) as told:
        env_file.write(path, VALUES, {})
    assert "kept" not in str(told.value)
    assert path.read_text() == f"{name}=kept\n"
    with pytest.raises(Present, match=f"{name} in the environment"):
        env_file.write(path.with_name("another"), VALUES, {name: "kept"})
    assert left(path) == [".env"]


def test_a_file_whose_last_line_would_swallow_the_values_is_left_alone(path: Path) -> None:
    path.write_text("NOTE='never closed\n")
    env_file.check(path, {})
    try:
        env_file.write(path, VALUES, {})
    except CannotKeep:
        assert path.read_text() == "NOTE='never closed\n"
    else:
        assert {name: dotenv_values(path)[name] for name in VALUES} == VALUES


def test_a_value_that_could_not_be_read_back_is_not_written(path: Path) -> None:
    with pytest.raises(CannotKeep):
        env_file.write(path, {**VALUES, "WEBHOOK_SECRET": "${HOME}"}, {})
    assert left(path) == []


@pytest.mark.parametrize("prepare", ["folder", "no folder", "no text"])
def test_a_place_that_takes_no_file_is_named(path: Path, prepare: str) -> None:
    if prepare == "folder":
        path.mkdir()
    elif prepare == "no text":
        path.write_bytes(b"A=\xff\n")
    else:
        path = path.parent / "absent" / ".env"
    with pytest.raises(CannotKeep, match=str(path)):
        env_file.check(path, {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_or_file_without_write_permission_is_refused(path: Path) -> None:
    path.write_text("PORT=9000\n")
    path.chmod(0o400)
    with pytest.raises(CannotKeep, match="Permission denied"):
        env_file.check(path, {})
    path.unlink()
    path.parent.chmod(0o500)
    try:
        with pytest.raises(CannotKeep, match="Permission denied"):
            env_file.check(path, {})
    finally:
        path.parent.chmod(0o700)


def test_a_link_to_the_file_stays_a_link(path: Path) -> None:
    real = path.with_name("real.env")
    real.write_text("PORT=9000\n")
    path.symlink_to(real)
    env_file.write(path, VALUES, {})
    assert path.is_symlink()
    assert dotenv_values(real) == {"PORT": "9000", **VALUES}
