"""The child process that reads logs: frames in on stdin, verdicts out on stdout. It never opens the database.

A frame is one letter, a four-byte big-endian length, and that many bytes. `F` begins a log with the job's
facts (MessagePack), `D` carries bytes of the log, `E` ends it. The answer to `E` is one frame: `C` with the
Classification, or `X` with a traceback. End of input ends the process, so it never outlives its parent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import sys
import traceback
from typing import BinaryIO

import msgspec

from classifiers.classify import conclude
from classifiers.model import JobFacts
from classifiers.rules import builtin_rules
from classifiers.scanner import Scanner

HEADER = struct.Struct(">cI")


def main() -> None:
    """Answer frames until the parent is gone."""
    # Ctrl-C reaches the whole process group; the parent decides when its child ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(5)
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Read logs from `source` one after another and write a verdict for each to `sink`."""
    rules = builtin_rules()
    facts, scanner = JobFacts(), Scanner(rules, JobFacts())
    failed = ""
    while frame := _frame(source):
        kind, body = frame
        try:
            if kind == b"F":
                failed, facts = "", msgspec.msgpack.decode(body, type=JobFacts)
                scanner = Scanner(rules, facts)
            elif kind == b"D" and not failed:
                scanner.feed(body)
            elif kind == b"E" and not failed:
                _answer(sink, b"C", msgspec.msgpack.encode(conclude(scanner.result(), facts, rules)))
        except Exception:  # noqa: BLE001  # whatever a log does to us is told to the parent, not fatal here
            failed = traceback.format_exc()
        if kind == b"E" and failed:
            _answer(sink, b"X", failed.encode("utf-8", "replace"))


def _frame(source: BinaryIO) -> tuple[bytes, bytes] | None:
    header = source.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    kind, length = HEADER.unpack(header)
    return kind, source.read(length)


def _answer(sink: BinaryIO, kind: bytes, body: bytes) -> None:
    sink.write(HEADER.pack(kind, len(body)) + body)
    sink.flush()


if __name__ == "__main__":
    main()
