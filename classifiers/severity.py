"""How much a failure matters: one table, read from the top; the first row that applies wins."""

from __future__ import annotations

import re

from classifiers.model import Category, JobFacts, Severity

_RELEASE = re.compile(r"^(?:release[/-]|releases/|stable/|hotfix/|v[0-9])")
_PRODUCTION = re.compile(r"(?i)(?:^|[^a-z])(?:production|prod)(?:$|[^a-z])")
_DOCUMENTATION = re.compile(
    r"(?i)(?:^|[^a-z])(?:docs?|documentation|sphinx|javadoc|rustdoc|mkdocs|docusaurus)(?:$|[^a-z])"
)


def severity(
    category: Category,
    facts: JobFacts,
    *,
    security: bool = False,
    warnings_only: bool = False,
    documentation: bool = False,
    default_branch_broken: bool = False,
) -> Severity:
    """`default_branch_broken`: at least two workflows, all red in their latest completed run on the default branch."""
    if security or default_branch_broken:
        return Severity.CRITICAL
    if category is Category.DEPLOYMENT and is_production(facts):
        return Severity.CRITICAL
    if facts.default_branch or _RELEASE.match(facts.branch):
        return Severity.HIGH
    if facts.tolerated:
        return Severity.LOW
    return _by_category(category, facts, warnings_only=warnings_only, documentation=documentation)


def _by_category(category: Category, facts: JobFacts, *, warnings_only: bool, documentation: bool) -> Severity:
    if category is Category.FORMATTING or warnings_only:
        return Severity.LOW
    if category is Category.DEPENDENCY:
        return Severity.HIGH if facts.blocks_run else Severity.MEDIUM
    if category is Category.BUILD:
        return Severity.MEDIUM if documentation else Severity.HIGH
    return Severity.HIGH if category is Category.DEPLOYMENT else Severity.MEDIUM


def is_production(facts: JobFacts) -> bool:
    """The job's environment says so or, where it has none, the name of workflow, job or step."""
    names = (facts.environment,) if facts.environment else (facts.workflow, facts.job, facts.step)
    return any(_PRODUCTION.search(name) for name in names)


def is_documentation(tool: str, facts: JobFacts) -> bool:
    """A documentation build: by its tool or by the name of job or step."""
    return any(_DOCUMENTATION.search(text) for text in (tool, facts.job, facts.step))
