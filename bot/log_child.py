"""The child process that reads logs: frames in on stdin, verdicts out on stdout. It never opens the database.

A frame is one letter, a log's number and a length (both four bytes, big-endian), and that many bytes. `F` begins a
log with the job's facts (MessagePack), `D` carries bytes of it, `E` asks for the verdict, `A` forgets it. Logs may be
interleaved, so that one that arrives slowly holds up no other. `E` brings the facts as they are known by then and the
lines of the last green log, and may come again with better ones; the answer is a frame of the same form: `C` with the
seconds of the processor so far (a double) and the Classification, or `X` with a traceback. `G` begins a green log; its
`E` is answered by `L` with its lines. End of input ends the process, so it never outlives its parent.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import struct
import sys
import time
import traceback
from dataclasses import replace
from io import RawIOBase
from typing import BinaryIO

import msgspec

from classifiers.builtin import builtin_rules
from classifiers.classify import conclude
from classifiers.green import GreenLines, unpacked
from classifiers.model import JobFacts
from classifiers.scanner import Scan, Scanner

HEADER = struct.Struct(">cII")
SECONDS = struct.Struct(">d")
IDLE_SECONDS = 2.0
"""So long without a frame, and there is time to prove the rules; the first log need not wait for that."""
UNPROVED = 50
"""Answers after which they are proved even where there is no such pause."""


class _Red:
    """A failed job's log; what was kept of it stays for a second verdict with better facts."""

    def __init__(self, body: bytes) -> None:
        facts = msgspec.msgpack.decode(body, type=JobFacts)
        self._scanner = Scanner(builtin_rules(), facts, clock=time.perf_counter)
        self._scan: Scan | None = None
        self._seconds = 0.0

    def feed(self, piece: bytes) -> None:
        since = time.process_time()
        self._scanner.feed(piece)
        self._seconds += time.process_time() - since

    def answer(self, body: bytes) -> tuple[bytes, bytes]:
        since = time.process_time()
        facts, green = msgspec.msgpack.decode(body, type=tuple[JobFacts, bytes])
        if green:
            marks, cut = unpacked(green)
            facts = replace(facts, green=marks, green_cut=cut)
        if self._scan is None:
            self._scan = self._scanner.result()
        verdict = msgspec.msgpack.encode(conclude(self._scan, facts, builtin_rules()))
        self._seconds += time.process_time() - since
        return b"C", SECONDS.pack(self._seconds) + verdict


class _Green:
    """A green log, of which only the lines are wanted."""

    def __init__(self) -> None:
        self._lines = GreenLines()

    def feed(self, piece: bytes) -> None:
        self._lines.feed(piece)

    def answer(self, _body: bytes) -> tuple[bytes, bytes]:
        return b"L", self._lines.packed()


class _Failed:
    """A log that could not be read; the text is the traceback."""

    def __init__(self, text: str) -> None:
        self._text = text

    def feed(self, piece: bytes) -> None:
        """Nothing more is read of it."""

    def answer(self, _body: bytes) -> tuple[bytes, bytes]:
        return b"X", self._text.encode("utf-8", "replace")


def main() -> None:
    """Answer frames until the parent is gone."""
    # Ctrl-C reaches the whole process group; the parent decides when its child ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(5)
    # Without a buffer of ours, what has not been read yet is seen from outside: that tells a pause.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as source:
        serve(source, sys.stdout.buffer)


def serve(source: RawIOBase, sink: BinaryIO) -> None:
    """Read logs from `source` and write a verdict for each to `sink`; prove the rules as soon as there is time."""
    proved, answers = False, 0
    logs: dict[int, _Red | _Green | _Failed] = {}
    while True:
        if not proved and (answers >= UNPROVED or not select.select([source], [], [], IDLE_SECONDS)[0]):
            builtin_rules().prove()
            proved = True
        frame = _frame(source)
        if frame is None:
            return
        kind, number, body = frame
        if kind == b"F":
            logs[number] = _Red(body)
        elif kind == b"G":
            logs[number] = _Green()
        elif kind == b"A":
            logs.pop(number, None)
        elif kind == b"D":
            logs[number] = _fed(logs[number], body)
        elif kind == b"E":
            answer, text = _answer(logs[number], body)
            sink.write(HEADER.pack(answer, number, len(text)) + text)
            sink.flush()
            answers += 1


def _fed(log: _Red | _Green | _Failed, piece: bytes) -> _Red | _Green | _Failed:
    try:
        log.feed(piece)
    except Exception:  # noqa: BLE001  # whatever a log does to us is told to the parent, and fatal to it alone
        return _Failed(traceback.format_exc())
    return log


def _answer(log: _Red | _Green | _Failed, body: bytes) -> tuple[bytes, bytes]:
    try:
        return log.answer(body)
    except Exception:  # noqa: BLE001  # as above
        return b"X", traceback.format_exc().encode("utf-8", "replace")


def _frame(source: RawIOBase) -> tuple[bytes, int, bytes] | None:
    header = _exactly(source, HEADER.size)
    if len(header) < HEADER.size:
        return None
    kind, number, length = HEADER.unpack(header)
    return kind, number, _exactly(source, length)


def _exactly(source: RawIOBase, size: int) -> bytes:
    """So many bytes; fewer at the end of input."""
    parts: list[bytes] = []
    while size and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


if __name__ == "__main__":
    main()
