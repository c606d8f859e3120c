"""How sure a verdict may be, so that of answers given with 0.9 nine of ten are right.

The figures are shares of right answers on labelled logs, drawn towards the mean where few logs stand behind them.
"""

from __future__ import annotations

from classifiers.ranking import Ranked, Ranking, rivals

_FAR, _NEAR = 25.0, 10.0
"""Points ahead of the best finding of another category."""
_KNOWN = {"cause": (0.98, 0.96, 0.92), "summary": (0.98, 0.96, 0.94), "consequence": (0.85, 0.8, 0.75)}
"""By role: far ahead, ahead, level."""
_OPEN = {"cause": 0.93, "summary": 0.93, "consequence": 0.87}
"""Where the rule left the category to what ran."""
_GENERIC = {"cause": 0.82, "consequence": 0.66}
_GUESSED = 0.5
"""No rule, command or name says what was at work."""
_REFUSED = 0.85
"""The same, where something outside refused: mostly it is the job's own surroundings, seldom a release."""
CERTAIN_OF_NOTHING = 0.85
"""A bare cancellation, or a step that printed nothing: the answer `unknown` itself is mostly right."""
NOTHING_KNOWN = 0.3
"""The step did say something, but no rule knows it: a person mostly would."""
IN_GREEN = 0.4
"""A line that a green log has too; a guess, since no labelled logs come with their green ones."""
BY_COMMAND = 0.65
"""Only the step's command speaks."""


def confidence_of(best: Ranked, ranking: Ranking, *, in_green: bool = False) -> float:
    """0 to 1, from what kind of line decided and how far it is ahead of the next category.

    `in_green`: the last green log has the line as well, so that it hardly is the cause.
    """
    rule = best.rule
    if rule.generic:
        sure = _GENERIC.get(rule.role, 0.5)
    elif rule.category is None:
        sure = _OPEN.get(rule.role, 0.6)
    else:
        sure = _KNOWN.get(rule.role, (0.6, 0.55, 0.5))[_level(best, ranking)]
    if ranking.guessed(best):
        sure = min(sure, _REFUSED if rule.external and rule.weight > 0 else _GUESSED)
    outside = best.segment is not None and not best.segment.failed and ranking.failing is not None
    sure = sure - 0.2 if outside and not rule.anywhere else sure
    return round(min(sure, IN_GREEN) if in_green else sure, 2)


def _level(best: Ranked, ranking: Ranking) -> int:
    others = [score for category, score in rivals(ranking.ranked).items() if category is not best.finding.category]
    margin = best.finding.score - max(others, default=0.0)
    return 0 if margin >= _FAR else 1 if margin >= _NEAR else 2
