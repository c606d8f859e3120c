"""The child process that reads logs: frames in on stdin, verdicts out on stdout. It never opens the database.

A frame is one letter, a log's number and a length (both four bytes, big-endian), and that many bytes. `F` begins a
log with the job's facts (MessagePack), `D` carries bytes of it, `E` ends it, `A` forgets it. Logs may be interleaved,
so that one that arrives slowly holds up no other. The answer to `E` is a frame of the same form: `C` with the
Classification, or `X` with a traceback. End of input ends the process, so it never outlives its parent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import sys
import time
import traceback
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from classifiers.classify import conclude
from classifiers.model import JobFacts
from classifiers.rules import RuleSet, builtin_rules
from classifiers.scanner import Scanner

HEADER = struct.Struct(">cII")


@dataclass(slots=True)
class _Log:
    """A log that is being read."""

    facts: JobFacts
    scanner: Scanner
    failed: str = ""


def main() -> None:
    """Answer frames until the parent is gone."""
    # Ctrl-C reaches the whole process group; the parent decides when its child ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(5)
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Read logs from `source` and write a verdict for each to `sink`."""
    rules = builtin_rules()
    logs: dict[int, _Log] = {}
    while frame := _frame(source):
        kind, number, body = frame
        if kind == b"F":
            facts = msgspec.msgpack.decode(body, type=JobFacts)
            logs[number] = _Log(facts, Scanner(rules, facts, clock=time.perf_counter))
        elif kind == b"A":
            logs.pop(number, None)
        elif kind == b"D":
            _feed(logs[number], body)
        elif kind == b"E":
            answer, text = _verdict(logs.pop(number), rules)
            sink.write(HEADER.pack(answer, number, len(text)) + text)
            sink.flush()


def _feed(log: _Log, piece: bytes) -> None:
    if log.failed:
        return
    try:
        log.scanner.feed(piece)
    except Exception:  # noqa: BLE001  # whatever a log does to us is told to the parent, and fatal to it alone
        log.failed = traceback.format_exc()


def _verdict(log: _Log, rules: RuleSet) -> tuple[bytes, bytes]:
    if not log.failed:
        try:
            return b"C", msgspec.msgpack.encode(conclude(log.scanner.result(), log.facts, rules))
        except Exception:  # noqa: BLE001  # as above
            log.failed = traceback.format_exc()
    return b"X", log.failed.encode("utf-8", "replace")


def _frame(source: BinaryIO) -> tuple[bytes, int, bytes] | None:
    header = source.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    kind, number, length = HEADER.unpack(header)
    return kind, number, source.read(length)


if __name__ == "__main__":
    main()
