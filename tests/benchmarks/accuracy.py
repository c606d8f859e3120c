"""How right the classifier is on the project's own recorded logs: `python -m tests.benchmarks.accuracy`.

The rules were written with these logs at hand, so the figures show what is known, not how strangers' logs fare.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from classifiers.builtin import builtin_rules
from classifiers.classify import classify
from classifiers.model import Category, JobFacts
from classifiers.rules import SOURCES
from tests.corpus.record import LOGS, scenarios


@dataclass(frozen=True, slots=True)
class Answer:
    """One log: what a person says, what the classifier says."""

    name: str
    expected: str
    said: str
    confidence: float

    @property
    def right(self) -> bool:
        """Whether both say the same."""
        return self.expected == self.said


def answers() -> list[Answer]:
    """The verdict on every recorded log."""
    found = []
    for scenario in scenarios():
        log = (LOGS / f"{scenario['name']}.log").read_bytes()
        verdict = classify([log], JobFacts(), builtin_rules())
        found.append(Answer(scenario["name"], scenario["category"], str(verdict.category), verdict.confidence))
    return found


def confusion(found: Sequence[Answer]) -> Iterable[str]:
    """Rows: what a person says; columns: what the classifier says."""
    pairs = Counter((answer.expected, answer.said) for answer in found)
    names = [str(category) for category in Category if any(str(category) in pair for pair in pairs)]
    yield "| | " + " | ".join(names) + " |"
    yield "| --- |" + " ---: |" * len(names)
    for expected in names:
        yield f"| {expected} | " + " | ".join(str(pairs[expected, said] or "·") for said in names) + " |"


def by_category(found: Sequence[Answer]) -> Iterable[str]:
    """Recall and precision, in percent."""
    yield "| category | logs | recall | precision |"
    yield "| --- | ---: | ---: | ---: |"
    for category in map(str, Category):
        mine = [answer for answer in found if answer.expected == category]
        said = [answer for answer in found if answer.said == category]
        if mine or said:
            yield f"| {category} | {len(mine)} | {_share(mine)} | {_share(said)} |"


def reliability(found: Sequence[Answer]) -> Iterable[str]:
    """Of answers given with a confidence, how many are right."""
    bins: defaultdict[int, list[Answer]] = defaultdict(list)
    for answer in found:
        bins[min(9, int(10 * answer.confidence))].append(answer)
    yield "| confidence | logs | mean | right |"
    yield "| --- | ---: | ---: | ---: |"
    for number, part in sorted(bins.items()):
        mean = sum(answer.confidence for answer in part) / len(part)
        yield f"| {number / 10:.1f} to {(number + 1) / 10:.1f} | {len(part)} | {mean:.2f} | {_share(part)} |"


def sources() -> str:
    """How many rules are known from where."""
    counts = Counter(rule.source for rule in builtin_rules().rules)
    return f"{sum(counts.values())} rules: " + ", ".join(f"{counts[source]} {source}" for source in SOURCES)


def _share(part: Sequence[Answer]) -> str:
    return f"{100 * sum(answer.right for answer in part) / len(part):.1f}" if part else "–"


def main() -> int:
    """Prints everything; 1 where a log is read otherwise than by a person."""
    found = answers()
    wrong = [answer for answer in found if not answer.right]
    blocks = (confusion(found), by_category(found), reliability(found))
    sys.stdout.write("\n\n".join("\n".join(block) for block in blocks))
    sys.stdout.write(f"\n\n{len(found) - len(wrong)} of {len(found)} logs right. {sources()}.\n")
    for answer in wrong:
        sys.stdout.write(f"{answer.name}: said {answer.said} ({answer.confidence}), is {answer.expected}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
