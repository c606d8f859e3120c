"""How sure a verdict may be, so that of answers given with 0.9 nine of ten are right.

The figures are shares of right answers on labelled logs, drawn towards the mean where few logs stand behind them.
"""

from __future__ import annotations

from classifiers.ranking import Ranked, Ranking, rivals

_FAR, _NEAR = 25.0, 10.0
"""Points ahead of the best finding of another category."""
_KNOWN = {"cause": (0.98, 0.95, 0.91), "summary": (0.97, 0.95, 0.93), "consequence": (0.85, 0.8, 0.75)}
"""By role: far ahead, ahead, level."""
_OPEN = {"cause": 0.92, "summary": 0.92, "consequence": 0.87}
"""Where the rule left the category to what ran."""
_GENERIC = {"cause": 0.84, "consequence": 0.65}
CERTAIN_OF_NOTHING = 0.85
"""A bare cancellation or exit code: the answer `unknown` itself is mostly right."""
BY_COMMAND = 0.65
"""Only the step's command speaks."""


def confidence_of(best: Ranked, ranking: Ranking) -> float:
    """0 to 1, from what kind of line decided and how far it is ahead of the next category."""
    rule = best.rule
    if rule.generic:
        sure = _GENERIC.get(rule.role, 0.5)
    elif rule.category is None:
        sure = _OPEN.get(rule.role, 0.6)
    else:
        sure = _KNOWN.get(rule.role, (0.6, 0.55, 0.5))[_level(best, ranking)]
    outside = best.segment is not None and not best.segment.failed and ranking.failing is not None
    return round(sure - 0.2 if outside and not rule.anywhere else sure, 2)


def _level(best: Ranked, ranking: Ranking) -> int:
    others = [score for category, score in rivals(ranking.ranked).items() if category is not best.finding.category]
    margin = best.finding.score - max(others, default=0.0)
    return 0 if margin >= _FAR else 1 if margin >= _NEAR else 2
