"""What a pattern that somebody wants to teach would match. Pure: the words of failures in, counts out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from classifiers.model import OwnRule
from classifiers.near import alike
from classifiers.own_rules import LARGEST_TOTAL, MOST_RULES, OwnSearch, OwnSet, size
from storage.known import Known, Words

SHARE = 10
"""A pattern that matches more than one in ten green logs is too broad."""
_EXAMPLES = 3
_COMPARED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What a pattern matched."""

    recorded: int
    """Failures that were looked at."""
    matched: int
    examples: tuple[str, ...] = ()
    """Messages of failures it matches."""
    near: tuple[str, ...] = ()
    """Messages of failures that are nearly the same as matched ones, and are not matched."""
    category: str = ""
    """That of most of the failures it matches; empty where it matches none."""
    green_logs: int = 0
    green_matched: int = 0
    too_slow: bool = False

    @property
    def too_broad(self) -> bool:
        """More than a tenth of the green logs."""
        return self.green_matched * SHARE > self.green_logs


def study(rule: OwnRule, recorded: Sequence[Words], clock: Callable[[], float]) -> Study:
    """The recorded failures a pattern matches, within the time that own rules have for one log."""
    search = OwnSearch(OwnSet((rule,)), clock)
    hits: list[Words] = []
    others: list[Words] = []
    for words in recorded:
        (hits if _matches(search, words) else others).append(words)
    return Study(
        recorded=len(recorded),
        matched=len(hits),
        examples=_first(words.message for words in hits),
        near=_near(hits, others),
        category=Counter(words.category for words in hits).most_common(1)[0][0] if hits else "",
        too_slow=search.exhausted,
    )


def with_known(own: Sequence[OwnRule], taught: Sequence[Known]) -> tuple[OwnRule, ...]:
    """A repository's own rules, and what was taught in it as far as the limits of own rules have room."""
    rules, left = list(own), LARGEST_TOTAL - sum(map(size, own)) if taught else 0
    for known in taught:
        rule = as_rule(known)
        left -= size(rule)
        if left < 0 or len(rules) == MOST_RULES:
            break
        rules.append(rule)
    return tuple(rules)


def as_rule(known: Known) -> OwnRule:
    """The own rule that a taught pattern is."""
    return OwnRule(known.rule, known.category or "unknown", known.pattern)


def _matches(search: OwnSearch, words: Words) -> bool:
    lines = f"{words.message}\n{words.excerpt}".encode().split(b"\n")
    return any(search.search(0, line) for line in lines)


def _near(hits: Sequence[Words], others: Sequence[Words]) -> tuple[str, ...]:
    matched = list(dict.fromkeys(words.message for words in hits))[:_EXAMPLES]
    rest = list(dict.fromkeys(words.message for words in others))[:_COMPARED]
    return _first(message for message in rest if any(alike(message, each) for each in matched))


def _first(messages: Iterable[str]) -> tuple[str, ...]:
    return tuple(list(dict.fromkeys(messages))[:_EXAMPLES])
