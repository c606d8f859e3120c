"""What the last green log gains where no rule knows the tool: `python -m tests.benchmarks.green`.

Scenarios of the recorded corpus are run twice, broken and mended, and the broken one is read by all rules but those
of its own tool, without and with the green log. What all rules call the cause is taken for right. Needs the tools.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bot.green_logs import LOGS_KEPT
from classifiers.builtin import builtin_rules
from classifiers.classify import classify
from classifiers.green import MOST_LINES, GreenLines, unpacked
from classifiers.model import Classification, JobFacts
from classifiers.rules import RuleSet
from tests.benchmarks.scan import MB, log_of, seconds
from tests.corpus.record import run_once, scenarios

MENDED = {
    "pytest-assertion": (("== 4", "== 3"),),
    "unittest": (("(1, 2)", "(1, 1)"), ('raise ValueError("boom")', "pass")),
    "mypy": (("-> str", "-> int"),),
    "script-traceback": (('config["b"]', 'config["a"]'),),
    "gcc-error": (("return count", "return 0"),),
    "make-gcc": (("int unused;", ""),),
    "ctest": (("1 == 2", "1 == 1"),),
    "javac": (("return missing", "return 1"),),
    "java-exception": (('throw new IllegalStateException("no config");', ""),),
    "node-test": (("1 + 1, 3", "1 + 1, 2"),),
    "perl-test": (("1 + 1, 3", "1 + 1, 2"),),
}
"""What has to be changed in a scenario's files so that it passes."""


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario, broken and mended."""

    name: str
    red: bytes
    green: bytes


def cases() -> Iterator[Case]:
    """Those scenarios that break and mend with the tools of this machine."""
    for scenario in scenarios():
        if scenario["name"] not in MENDED:
            continue
        red, green = run_once(scenario), run_once(_mended(scenario))
        if red[0] and not green[0]:
            yield Case(scenario["name"], red[1].encode(), green[1].encode())
        else:
            sys.stdout.write(f"{scenario['name']}: left out, exit codes {red[0]} and {green[0]}\n")


def _mended(scenario: dict[str, Any]) -> dict[str, Any]:
    files = dict(scenario["files"])
    for name, text in files.items():
        for wrong, right in MENDED[scenario["name"]]:
            text = text.replace(wrong, right)  # noqa: PLW2901
        files[name] = text
    return {**scenario, "files": files}


def blind(tool: str | None) -> RuleSet:
    """All rules but those of one tool."""
    rules = builtin_rules()
    return RuleSet(tuple(rule for rule in rules.rules if rule.tool != tool), rules.commands, rules.local)


def lines_of(log: bytes) -> bytes:
    """A green log as it is kept."""
    lines = GreenLines()
    lines.feed(log)
    return lines.packed()


def main() -> None:
    """Prints what is shown without and with the green log, and what the latter costs."""
    sys.stdout.write("| scenario | weak | cause without green log | with it | message with it |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- |\n")
    for case in cases():
        cause = classify([case.red], JobFacts(), builtin_rules())
        rules = blind(cause.tool)
        before = classify([case.red], JobFacts(), rules)
        marks, cut = unpacked(lines_of(case.green))
        after = classify([case.red], JobFacts(green=marks, green_cut=cut), rules)
        weak = "yes" if before.generic or before.confidence < 0.5 or before.category == "unknown" else "no"
        row = (case.name, weak, _shown(cause, before), _shown(cause, after), after.message[:60].replace("|", "\\|"))
        sys.stdout.write("| " + " | ".join(row) + " |\n")
    long = log_of(8 * MB, every=99)
    took, packed = seconds(lambda: lines_of(long)), lines_of(long)
    unpacking = seconds(lambda: unpacked(packed), 3)
    sys.stdout.write(
        f"\nA green log of 8 MB: {took:.2f} s in the child, {len(packed) // 8} lines of at most {MOST_LINES}, "
    )
    sys.stdout.write(f"{len(packed)} bytes kept for each of {LOGS_KEPT} logs, {1000 * unpacking:.1f} ms to unpack.\n")


def _shown(cause: Classification, verdict: Classification) -> str:
    if cause.message and cause.message in verdict.message:
        return "is the message"
    return "in the excerpt" if cause.message in verdict.excerpt else "not shown"


if __name__ == "__main__":
    main()
