"""What to do about it: the rule's own advice, filled with what the line says, and how to see it locally."""

from __future__ import annotations

import re
from collections.abc import Mapping

from classifiers.model import Category
from classifiers.rules import Rule

_GENERAL = {
    Category.LINTING: "Run the checker locally on the named file and mend what it reports.",
    Category.FORMATTING: "Run the formatter locally and commit the result.",
    Category.TESTING: "Run the failing test alone locally and look at the first assertion or exception.",
    Category.BUILD: "Build locally from a clean checkout and mend the first error; later ones often follow from it.",
    Category.DEPLOYMENT: "Check the release job's credentials and permissions, and whether this version exists.",
    Category.DEPENDENCY: "Install from a clean state locally; compare the lock file with what changed upstream.",
    Category.TIMEOUT: "Find the step that used the time; raise `timeout-minutes` only if that time is expected.",
    Category.INFRASTRUCTURE: "Re-run the failed job; if it fails the same way again, look at what the line names.",
    Category.UNKNOWN: "Open the log of the failing step; nothing in it says what went wrong.",
}
_LOCAL = frozenset(
    {Category.LINTING, Category.FORMATTING, Category.TESTING, Category.BUILD, Category.DEPENDENCY, Category.UNKNOWN}
)
"""Categories that show on another machine too."""
_ACTION = re.compile(r"^(?:\./)?[\w.-]+/[\w./-]+@|^\./\.github/|^docker://|^(?:echo|exit|set|if|for|cd)\b")
_LONGEST = 120
_FIELD = re.compile(r"\{(\w+)\}")
_SAFE = re.compile(r"^[\w@+.:/\\\[\]()=, #'\"*-]{1,200}$")


def suggestions_for(
    rule: Rule | None, category: Category, values: Mapping[str, str], local: str, command: str
) -> tuple[str, ...]:
    """Specific advice first, the general one only where there is none, then how to see the failure locally.

    `values` are the named groups of the line, `local` the tool's command for one's own machine, `command` the step's.
    """
    found = [filled for text in (rule.suggestions if rule else ()) if (filled := _filled(text, values))]
    if not found:
        found.append(_GENERAL[category])
    if category in _LOCAL and not any("`" in text for text in found):
        on_the_file = _filled(local, values) if "{" in local else None
        shown = on_the_file or _shell(command) or _filled(_FIELD.sub("", local).strip(), {})
        found += [f"Reproduce it locally with `{shown}`."] if shown else []
    return tuple(found[:4])


def _shell(command: str) -> str:
    """The step's command where it is one line for a shell; an action or a script of several lines is none."""
    usable = _SAFE.match(command) and not _ACTION.match(command) and len(command) <= _LONGEST
    return command if usable else ""


def _filled(text: str, values: Mapping[str, str]) -> str | None:
    """The advice with its fields filled, or None where the line does not have one of them."""
    names = _FIELD.findall(text)
    if not text or any(not _SAFE.match(values.get(name, "")) for name in names):
        return None
    return _FIELD.sub(lambda match: values[match.group(1)], text)
