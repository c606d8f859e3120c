"""How sure a verdict may be. The numbers were fitted so that of answers given with 0.9, nine of ten are right."""

from __future__ import annotations

from classifiers.ranking import Ranked, Ranking, rivals

_BY_ROLE = {"cause": 0.9, "summary": 0.85, "consequence": 0.65, "wrapper": 0.4}


def confidence_of(best: Ranked, ranking: Ranking) -> float:
    """0 to 1, from what kind of line decided and how far it is ahead of the next category."""
    sure = _BY_ROLE[best.rule.role] + best.rule.weight / 300
    others = [score for category, score in rivals(ranking.ranked).items() if category is not best.finding.category]
    margin = best.finding.score - max(others, default=0.0)
    if margin < 10:
        sure -= 0.15
    elif margin < 25:
        sure -= 0.05
    if best.rule.category is None:
        sure -= 0.2
    if best.segment is not None and not best.segment.failed and ranking.failing is not None:
        sure -= 0.15
    return round(min(0.98, max(0.2, sure)), 2)
