"""How fast a log is scanned, in one run beside other ways to do it: `python -m tests.benchmarks.scan [MEGABYTES]`.

The log is chatter as tools print it, with lines of the recorded failures in between: one in a hundred, as in a real
log, and every other line, the worst case. Times are this process's own seconds of the
processor, so that other work on the machine counts as little as it can; grep's are its own. Ours is measured from
bytes to findings, cleaning included; the others get lines that are cleaned already.
"""

from __future__ import annotations

import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from classifiers.builtin import builtin_rules
from classifiers.joblog import clean
from classifiers.model import JobFacts
from classifiers.rules import Rule
from classifiers.scanner import Scanner
from tests.corpus.record import LOGS

MB = 1_000_000
SLOW_BYTES = 200_000
"""What Python's `re` is given: it takes seconds for so little."""


WORDS = ("core", "parser", "index", "cache", "server", "model", "view", "query", "token", "batch", "graph", "layout")
CHATTER = (
    "Downloading {a}_{b}-{n}.{m}.{k}-py3-none-any.whl ({n} kB)",
    "   Compiling {a}-{b} v{n}.{m}.{k}",
    "tests/{a}/test_{b}.py::test_{c}[{n}-{m}] PASSED                  [ {k}%]",
    "test {a}::{b}::tests::{c}_{n} ... ok",
    "[{n}/{m}] Building CXX object src/{a}/CMakeFiles/{b}.dir/{c}.cpp.o",
    "\x1b[36;1m{a}\x1b[0m: {b} took {n}.{m} ms, \x1b[32m{k}\x1b[0m of {n} {c}s",
    "[INFO] org.example.{a}.{b} - {c} {n} started on worker-{m}",
    "  \x1b[32m✓\x1b[39m {a} keeps the {b} of every {c} ({n} ms)",
    "copying build/lib/{a}/{b}.py -> dist/{a}-{n}.{m}/{b}.py",
    "Get:{n} http://archive.example.org/ubuntu noble/main amd64 lib{a}{m} amd64 {n}.{m}.{k} [{n} kB]",
    "ok  \texample.org/{a}/{b}\t0.{n}s\tcoverage: {k}.{m}% of statements",
    "  inflating: {a}/{b}/{c}-{n}.json",
    "added {n} packages, and audited {m} packages in {k}s",
    "webpack: asset {a}.{b}.js {n} KiB [emitted] [minimized] (name: {c})",
    "##[debug]{a}: {b} = {c} ({n})",
    "",
)
"""What most lines of a log are like; ours, so that the measure can be made anywhere."""


def log_of(size: int, *, every: int) -> bytes:
    """A log of about so many bytes: after `every` lines of chatter one line of a recorded failure."""
    chance = random.Random(size)
    recorded = [line for path in sorted(LOGS.glob("*.log")) for line in path.read_text("utf-8").split("\n")]
    made: list[str] = []
    total = turn = 0
    while total < size:
        turn += 1
        if turn % (every + 1) == 0:
            line = recorded[turn // (every + 1) % len(recorded)]
        else:
            names = dict(zip("abc", chance.choices(WORDS, k=3), strict=True))
            digits = {key: chance.randint(1, 999) for key in "nmk"}
            stamp = f"2026-11-24T09:{turn // 6000 % 60:02d}:{turn // 100 % 60:02d}.{turn % 10_000_000:07d}Z "
            line = stamp + chance.choice(CHATTER).format(**names, **digits)
        made.append(line)
        total += len(line) + 1
    return "\n".join(made).encode()


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """Seconds of the processor, the best of several times."""
    best = float("inf")
    for _ in range(times):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def ours(log: bytes) -> None:
    """The scanner as it reads a stream."""
    scanner = Scanner(builtin_rules(), JobFacts())
    for start in range(0, len(log), 1 << 16):
        scanner.feed(log[start : start + (1 << 16)])
    scanner.result()


def pythonic(rules: tuple[Rule, ...]) -> list[str]:
    """The patterns as Python's `re` takes them: flags belong to their group there."""
    found = []
    for rule in rules:
        flags = re.match(r"\(\?([a-z]+)\)", rule.pattern)
        text = f"(?{flags[1]}:{rule.pattern[flags.end() :]})" if flags else rule.pattern
        text = re.sub(r"\(\?P<\w+>", "(?:", text)
        try:
            re.compile(text)
        except re.error:
            continue
        found.append(text)
    return found


def extended(patterns: list[str]) -> list[str]:
    """The patterns as `grep -E` takes them, near enough for a measure; case is not ignored."""
    return [
        re.sub(r"\(\?[a-z]*:", "(", text)
        .replace(r"\d", "[0-9]")
        .replace("*?", "*")
        .replace("+?", "+")
        .replace("??", "?")
        for text in patterns
    ]


def grep_seconds(patterns: list[str], lines: list[bytes]) -> tuple[float, int] | None:
    """Seconds of `grep -cE -f`, and how many patterns it took; None where there is no grep."""
    grep = shutil.which("grep")
    if grep is None:
        return None
    environment = {**os.environ, "LC_ALL": "C"}

    def taken(pattern: str) -> bool:
        done = subprocess.run(
            [grep, "-cE", "--", pattern], input=b"", env=environment, capture_output=True, check=False
        )
        return done.returncode < 2

    kept = [pattern for pattern in patterns if taken(pattern)]
    with tempfile.TemporaryDirectory() as folder:
        rules, log = Path(folder, "rules"), Path(folder, "log")
        rules.write_text("\n".join(kept) + "\n", encoding="utf-8")
        log.write_bytes(b"\n".join(lines))
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        subprocess.run([grep, "-cE", "-f", str(rules), str(log)], env=environment, capture_output=True, check=False)
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, len(kept)


def main() -> None:
    """Prints a table."""
    size = int(float(sys.argv[1]) * MB) if len(sys.argv) > 1 else 10 * MB
    log, dense = log_of(size, every=99), log_of(size // 10, every=1)
    rules = builtin_rules()
    rules.prove()
    ours(log[:MB])
    raw = log.split(b"\n")
    rows = [
        ("ours, from bytes to findings", len(log) / seconds(lambda: ours(log), 3)),
        ("ours, every other line a failure's", len(dense) / seconds(lambda: ours(dense), 3)),
        ("cleaning alone, of ours", len(log) / seconds(lambda: _cleaned(raw), 2)),
    ]
    few = clean(log_of(SLOW_BYTES, every=99).split(b"\n"))
    text = [line.decode("utf-8", "replace") for line in few]
    patterns = pythonic(rules.rules)
    single = [re.compile(pattern) for pattern in patterns]
    joined = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    count = sum(map(len, few)) + len(few)
    one_by_one = seconds(lambda: [[pattern.search(line) for pattern in single] for line in text])
    rows.append(("`re`, rule by rule", count / one_by_one))
    rows.append(("`re`, one alternation", count / seconds(lambda: [joined.search(line) for line in text])))
    found = grep_seconds(extended(patterns), few)
    if found is not None:
        rows.append((f"`grep -E -f` ({found[1]} patterns)", count / max(found[0], 1e-9)))
    sys.stdout.write(f"{len(rules.rules)} rules, {len(patterns)} of them in `re`'s syntax; {len(log) / MB:.0f} MB\n\n")
    sys.stdout.write("| how | MB/s | ours is faster by |\n| --- | ---: | ---: |\n")
    for name, speed in rows:
        sys.stdout.write(f"| {name} | {speed / MB:.2f} | {rows[0][1] / speed:.1f} |\n")


def _cleaned(raw: list[bytes]) -> None:
    for start in range(0, len(raw), 700):
        clean(raw[start : start + 700])


if __name__ == "__main__":
    main()
