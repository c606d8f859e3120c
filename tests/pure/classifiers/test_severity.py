"""The severity table, row by row."""

from __future__ import annotations

import pytest

from classifiers.model import Category, JobFacts, Severity
from classifiers.severity import severity

MAIN = JobFacts(branch="main", default_branch=True)


@pytest.mark.parametrize(
    ("category", "facts", "expected"),
    [
        (Category.DEPLOYMENT, JobFacts(environment="production"), Severity.CRITICAL),
        (Category.DEPLOYMENT, JobFacts(job="deploy-prod"), Severity.CRITICAL),
        (Category.DEPLOYMENT, JobFacts(job="deploy-prod", environment="staging"), Severity.HIGH),
        (Category.DEPLOYMENT, JobFacts(job="product page"), Severity.HIGH),
        (Category.FORMATTING, MAIN, Severity.HIGH),
        (Category.TESTING, JobFacts(branch="release/1.0"), Severity.HIGH),
        (Category.TESTING, JobFacts(branch="v2"), Severity.HIGH),
        (Category.TESTING, JobFacts(branch="vnext"), Severity.MEDIUM),
        (Category.BUILD, JobFacts(), Severity.HIGH),
        (Category.DEPENDENCY, JobFacts(blocks_run=True), Severity.HIGH),
        (Category.DEPENDENCY, JobFacts(), Severity.MEDIUM),
        (Category.TIMEOUT, JobFacts(), Severity.MEDIUM),
        (Category.UNKNOWN, JobFacts(), Severity.MEDIUM),
        (Category.FORMATTING, JobFacts(), Severity.LOW),
        (Category.TESTING, JobFacts(tolerated=True), Severity.LOW),
    ],
)
def test_the_first_row_that_applies_decides(category: Category, facts: JobFacts, expected: Severity) -> None:
    assert severity(category, facts) is expected


def test_a_vulnerability_and_a_broken_default_branch_are_critical() -> None:
    assert severity(Category.DEPENDENCY, JobFacts(), security=True) is Severity.CRITICAL
    assert severity(Category.TESTING, MAIN, default_branch_broken=True) is Severity.CRITICAL


def test_warnings_alone_are_low_and_documentation_builds_medium() -> None:
    assert severity(Category.LINTING, JobFacts(), warnings_only=True) is Severity.LOW
    assert severity(Category.BUILD, JobFacts(), documentation=True) is Severity.MEDIUM
