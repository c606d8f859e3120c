"""How honest `confidence` is on labelled logs: `python -m tests.benchmarks.calibration LABELS LOGS`.

`LABELS` is a file of JSON lines with `id` (a file in the folder `LOGS`), `category`, and `also` (other categories that
can be defended); lines whose `sure` is under 0.6, whose `note` says that the log is cut, passed or none, and whose
`repro` is true do not count. Such logs are not part of this repository.

Besides the table as it is, one is estimated anew on four fifths of the logs and tried on the last fifth, five times:
an answer's confidence there is the share of right answers among those that had the same confidence in the other four,
drawn towards the mean of all. Folds are made from a hash of the log's name.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from classifiers.builtin import builtin_rules
from classifiers.classify import classify
from classifiers.model import JobFacts

FOLDS = 5
DRAWN = 5.0
"""As many answers of mean quality are added to each kind of answer of a table that is estimated anew."""
_NOT_COUNTED = ("cut", "passed", "not a ci log")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of one log: how surely, and whether it was right."""

    name: str
    confidence: float
    right: bool

    @property
    def fold(self) -> int:
        """The same for a name in every run."""
        return int(hashlib.sha256(self.name.encode()).hexdigest(), 16) % FOLDS


def answers(labels: Path, logs: Path) -> list[Answer]:
    """The verdict on every log that counts."""
    found = []
    for line in labels.read_text("utf-8").splitlines():
        label = json.loads(line)
        if label.get("sure", 1) < 0.6 or label.get("repro") or label.get("note") in _NOT_COUNTED:
            continue
        verdict = classify([(logs / label["id"]).read_bytes()], JobFacts(), builtin_rules())
        right = str(verdict.category) in (label["category"], *label.get("also", ()))
        found.append(Answer(label["id"], verdict.confidence, right))
    return found


def bins(found: Iterable[Answer]) -> dict[int, list[Answer]]:
    """Answers by tenth of their confidence."""
    parts: dict[int, list[Answer]] = defaultdict(list)
    for answer in found:
        parts[min(9, int(10 * answer.confidence))].append(answer)
    return parts


def error(found: Sequence[Answer]) -> float:
    """Expected calibration error over ten bins, 0 to 1."""
    gaps = (abs(sum(each.confidence - each.right for each in part)) for part in bins(found).values())
    return sum(gaps) / len(found)


def interval(found: Sequence[Answer], measure: Callable[[Sequence[Answer]], float]) -> tuple[float, float]:
    """Of a figure, where 95 % of a thousand resamples of the logs lie."""
    chance = random.Random(1)
    made = sorted(measure(chance.choices(found, k=len(found))) for _ in range(1000))
    return made[25], made[974]


def anew(found: Sequence[Answer]) -> list[Answer]:
    """Every answer with the confidence that the other folds give to its kind."""
    made = []
    for fold in range(FOLDS):
        others = [answer for answer in found if answer.fold != fold]
        mean = sum(answer.right for answer in others) / len(others)
        kinds: dict[float, list[bool]] = defaultdict(list)
        for answer in others:
            kinds[answer.confidence].append(answer.right)
        for answer in found:
            if answer.fold == fold:
                kind = kinds[answer.confidence]
                share = (sum(kind) + DRAWN * mean) / (len(kind) + DRAWN)
                made.append(Answer(answer.name, share, answer.right))
    return made


def table(found: Sequence[Answer]) -> Iterable[str]:
    """The reliability of each tenth."""
    yield "| confidence | logs | mean | right |"
    yield "| --- | ---: | ---: | ---: |"
    for tenth, part in sorted(bins(found).items()):
        mean = sum(answer.confidence for answer in part) / len(part)
        right = 100 * sum(answer.right for answer in part) / len(part)
        yield f"| {tenth / 10:.1f} to {(tenth + 1) / 10:.1f} | {len(part)} | {mean:.2f} | {right:.1f} |"


def main() -> int:
    """Prints the tables; 2 where an argument is missing."""
    if len(sys.argv) != 3:
        sys.stderr.write("usage: python -m tests.benchmarks.calibration LABELS LOGS\n")
        return 2
    found = answers(Path(sys.argv[1]), Path(sys.argv[2]))
    lines = [f"{len(found)} logs, {100 * sum(answer.right for answer in found) / len(found):.1f} % right", ""]
    for title, part in (("the table as it is", found), ("estimated anew for each fold", anew(found))):
        low, high = interval(part, error)
        folds = ", ".join(f"{error([each for each in part if each.fold == fold]):.3f}" for fold in range(FOLDS))
        lines += [f"{title}: error {error(part):.3f} ({low:.3f} to {high:.3f}); folds {folds}", "", *table(part), ""]
    sys.stdout.write("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
