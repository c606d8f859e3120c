"""What hostile logs cost per byte beside an ordinary one: `python -m tests.benchmarks.hostile`.

Seconds of the processor of the whole way from bytes to verdict. No log may cost more than three times an ordinary one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from classifiers.builtin import builtin_rules
from classifiers.classify import classify
from classifiers.model import JobFacts
from tests.benchmarks.scan import MB, log_of, seconds

NEAR = (
    "src/a.c:3:5: warning: unused\n",
    "FAIL: \n",
    "##[error]\n",
    "E   \n",
    "error\n",
    "a/b.py:1:2: X\n",
    "npm ERR!\n",
)


def logs() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every hostile log."""
    yield "one line of 10 MB of `a`", b"a" * (10 * MB)
    yield "10 MB of `a` without a word, in lines of 4 KB", (b"a" * 4096 + b"\n") * 2441
    yield "a million colour codes", b"\x1b[31mx\x1b[0m" * 500_000
    yield "a million colour codes, a line each", b"\x1b[31m\x1b[0m\n" * 500_000
    yield "a million unfinished codes", b"\x1b[" * 1_000_000
    yield "a million near misses", "".join(NEAR[number % len(NEAR)] for number in range(1_000_000)).encode()
    yield "a million causes", b"src/a.c:3:5: error: unknown type name 'x'\n" * 1_000_000
    yield "a million groups", b"##[group]Run make\n##[endgroup]\n" * 500_000
    yield "a million states of one progress bar", b"\r 50% |####    | error: x" * 400_000
    yield "random bytes", bytes(range(256)) * 20_000
    yield "stack traces", b"  File \"/a/b.py\", line 3, in f\n    raise ValueError('x')\n" * 150_000


def main() -> int:
    """Prints a table; 1 where a log is dearer than three times an ordinary one."""
    rules = builtin_rules()
    rules.prove()
    ordinary = log_of(10 * MB, every=99)
    cost(ordinary[:MB])
    usual = min(cost(ordinary) for _ in range(3))
    sys.stdout.write(
        f"An ordinary log costs {usual * 1e9:.1f} ns a byte.\n\n| log | ns a byte | times an ordinary one |\n"
    )
    sys.stdout.write("| --- | ---: | ---: |\n")
    worst = 0.0
    for name, log in logs():
        each = min(cost(log) for _ in range(2))
        worst = max(worst, each / usual)
        sys.stdout.write(f"| {name} | {each * 1e9:.1f} | {each / usual:.2f} |\n")
    return 1 if worst > 3 else 0


def cost(log: bytes) -> float:
    """Seconds a byte."""
    pieces = [log[start : start + 65536] for start in range(0, len(log), 65536)]
    return seconds(lambda: classify(pieces, JobFacts(), builtin_rules())) / len(log)


if __name__ == "__main__":
    sys.exit(main())
