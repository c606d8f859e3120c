"""What `pipeline classify` is given: plain logs, gzip, UTF-16, and zips of logs as GitHub serves them.

In such a zip a job's whole log stands at the top (`0_build.txt`) and its steps in a folder (`build/1_Set up job.txt`);
what is known of the form: docs.github.com/rest/actions/workflow-runs, "Download workflow run logs".
"""

from __future__ import annotations

import codecs
import re
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

CHUNK = 64 * 1024
MOST_UNPACKED = 512 << 20
"""Bytes that one compressed input may unfold to, all files of a zip together; what goes beyond is refused."""
MOST_MEMBERS = 5_000
_GZIP, _ZIP, _UTF16 = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06"), (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROL = bytes(byte for byte in range(32) if byte not in b"\t\n\r\x1b\x08\x0c\x07")
_MOST_CONTROL = 0.1
"""Share of control bytes above which a file is no text; logs hold a few of them."""
_TOP = re.compile(r"(?:-?\d+_)?(?P<job>[^/]+)\.txt")
_STEP = re.compile(r"(?P<job>[^/]+)/(?P<number>\d+)_[^/]*\.txt")


class Unreadable(Exception):
    """An input that is no log; the text says why, in words that follow the input's name, or `name` within it."""

    def __init__(self, text: str, name: str = "") -> None:
        super().__init__(text)
        self.name = name


@dataclass(frozen=True, slots=True)
class Log:
    """One log to be classified."""

    name: str
    chunks: Iterable[bytes]
    job: str = ""
    """The job's name where the input tells it."""


def logs_of(name: str) -> Iterator[Log]:
    """The logs of one input, `-` being stdin; each has to be read before the next.

    Raises:
        Unreadable: it is empty, binary, damaged, or unfolds to more than is read.
        OSError: it cannot be opened or read.
    """
    if name == "-":
        yield from _opened(name, sys.stdin.buffer)
        return
    with Path(name).open("rb") as file:
        yield from _opened(name, file)


def _opened(name: str, file: IO[bytes]) -> Iterator[Log]:
    head = file.read(CHUNK)
    if head.startswith(_ZIP):
        with _seekable(file, head) as whole:
            yield from _zipped(name, whole)
        return
    chunks = chain((head,), iter(lambda: file.read(CHUNK), b""))
    yield Log(name, _text(_unpacked(chunks) if head.startswith(_GZIP) else chunks))


@contextmanager
def _seekable(file: IO[bytes], head: bytes) -> Iterator[IO[bytes]]:
    """The file from its start; a pipe is copied, since a zip has its table at the end."""
    if file.seekable():
        file.seek(0)
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        size = 0
        for chunk in chain((head,), iter(lambda: file.read(CHUNK), b"")):
            size = _counted(size, chunk)
            copy.write(chunk)
        copy.seek(0)
        yield copy


def _text(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of a text; raises Unreadable where it is none."""
    chunks = iter(chunks)
    head = next(chunks, b"")
    if not head:
        raise Unreadable("it is empty, so there is nothing to classify")
    if head.startswith(_UTF16):
        decoder = codecs.getincrementaldecoder("utf-16")("replace")
        yield from (decoder.decode(chunk).encode() for chunk in chain((head,), chunks))
        return
    if len(head) - len(head.translate(None, _CONTROL)) > _MOST_CONTROL * len(head):
        raise Unreadable("it is no text; name a log, or a gzip or zip of logs")
    yield head
    yield from chunks


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A gzip stream, of several members too, in pieces of at most 64 KB."""
    size, unpack = 0, zlib.decompressobj(31)
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                piece = unpack.decompress(rest, CHUNK)
                size = _counted(size, piece)
                if piece:
                    yield piece
                rest = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
                if unpack.eof and rest[:1] not in (b"", b"\x1f"):
                    return  # padding after the last member
                if unpack.eof and rest:
                    unpack = zlib.decompressobj(31)
    except zlib.error as error:
        raise Unreadable(f"its gzip data is damaged ({error})") from error
    if not unpack.eof:
        raise Unreadable("its gzip data ends too early")


def _counted(size: int, piece: bytes) -> int:
    if size + len(piece) > MOST_UNPACKED:
        raise Unreadable(f"it unfolds to more than {MOST_UNPACKED >> 20} MB; unpack it and name the logs themselves")
    return size + len(piece)


def _zipped(name: str, file: IO[bytes]) -> Iterator[Log]:
    from zipfile import ZipFile

    with _sound():
        archive = ZipFile(file)
    with archive:
        found = list(_jobs(archive))
        if not found:
            raise Unreadable("there is no log (`N_job.txt`) in it")
        total = _Total()
        for label, job, members in found:
            yield Log(f"{name}/{label}", _text(_members(archive, members, total.count)), job)


@contextmanager
def _sound() -> Iterator[None]:
    """Whatever is wrong with a zip is told in one way."""
    from zipfile import BadZipFile

    try:
        yield
    except (BadZipFile, NotImplementedError, EOFError, zlib.error) as error:
        raise Unreadable(f"its zip data cannot be read ({error})") from error


class _Total:
    """The bytes that were unfolded of one zip."""

    def __init__(self) -> None:
        self._size = 0

    def count(self, piece: bytes) -> None:
        self._size = _counted(self._size, piece)


def _jobs(archive: ZipFile) -> Iterator[tuple[str, str, list[ZipInfo]]]:
    """(Label, job, its files in order) for every job: its whole log where there is one, else its steps."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) > MOST_MEMBERS:
        raise Unreadable(f"it holds {len(members)} files; at most {MOST_MEMBERS} are read")
    whole = [(member, match["job"]) for member in members if (match := _TOP.fullmatch(member.filename))]
    for member, job in whole:
        yield member.filename, job, [member]
    known = {job for _, job in whole}
    steps: dict[str, list[tuple[int, ZipInfo]]] = {}
    for member in members:
        match = _STEP.fullmatch(member.filename)
        if match and match["job"] not in known:
            steps.setdefault(match["job"], []).append((int(match["number"]), member))
    for job, parts in steps.items():
        yield job, job, [member for _, member in sorted(parts, key=lambda part: part[0])]


def _members(archive: ZipFile, members: list[ZipInfo], count: Callable[[bytes], None]) -> Iterator[bytes]:
    for member in members:
        if member.flag_bits & 1:
            raise Unreadable("it is encrypted")
        with _sound(), archive.open(member) as file:
            while piece := file.read(CHUNK):
                count(piece)
                yield piece
