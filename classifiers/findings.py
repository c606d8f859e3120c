"""From a matched line to a Finding: its message without decoration, its place in the repository."""

from __future__ import annotations

import re
from collections.abc import Iterable

from classifiers.engine import Match, captures
from classifiers.model import Category, Finding, Location
from classifiers.redaction import shorten
from classifiers.rules import Nearby
from classifiers.scanner import Hit

MESSAGE_WIDTH = 1000
_DECORATION = re.compile(
    r"^(?:##\[[a-z]+\]|::(?:error|warning)[^:]*::|\s+|\[(?:ERROR|error|ERR|FATAL|WARNING)\]\s*"
    r"|(?:npm (?:ERR!|error))\s+)+"
)
_PLACE = re.compile(r"^(?:\./|/|[A-Za-z]:[/\\])?(?:[\w@.+-]+[/\\])*[\w@.+-]+(?::\d+){1,2}: |^\S+: line \d+: +")
_CHECKOUT = re.compile(
    r"^(?:file://)?(?:/home/runner/work/[^/]+/[^/]+/|/Users/runner/work/[^/]+/[^/]+/|/__w/[^/]+/[^/]+/|/github/workspace/"
    r"|[A-Za-z]:[/\\]a[/\\][^/\\]+[/\\][^/\\]+[/\\]|/home/travis/build/[^/]+/[^/]+/|/builds/[^/]+/[^/]+/"
    r"|/root/project/|/home/circleci/[^/]+/|/var/lib/jenkins/workspace/[^/]+/|\./|\.\\)+"
)
_FOREIGN = re.compile(
    r"(?:^|[/\\])(?:site-packages|dist-packages|node_modules|\.cargo|\.rustup|\.gradle|\.m2|\.nuget|\.tox|\.nox|\.venv"
    r"|venv|vendor/bundle|go/pkg/mod|hostedtoolcache|\.cache|__pypackages__)(?:[/\\]|$)"
)
_PATH = re.compile(r"^[\w@+.,()\[\]{}$~-][\w@+.,()\[\]{}$~ /\\-]*$")

_BARE = re.compile(
    r"(?:Docker|Container|GNUmake|Make|make|Just|just|Jenkins|Rake|Gem|Vagrant|Proc|Earth|Tilt|Caddy|Brew|Pip|Fast)file$"
)
"""Names of files that have no ending."""


def finding_of(hit: Hit, category: Category) -> Finding:
    """The finding of one hit. Nothing in it is redacted yet but what had to be cut."""
    text = hit.line.decode("utf-8", "replace")
    return Finding(
        rule=hit.rule.id,
        tool=hit.rule.tool,
        category=category,
        line=hit.number,
        text=text,
        message=message_of(hit.match, text),
        location=_place(hit),
    )


def message_of(match: Match | None, text: str) -> str:
    """What the rule calls the message, else the line without its decoration."""
    named = captures(match).get("message", "") if match else ""
    said = (named or _PLACE.sub("", _DECORATION.sub("", text))).strip()
    return shorten(said, MESSAGE_WIDTH)


def location_of(path: str, line: str | int | None, column: str | int | None = None) -> Location | None:
    """A place in the repository, or None where the path lies outside of it or no line is known."""
    if not path or not line or not str(line).isdecimal():
        return None
    short = _CHECKOUT.sub("", path.strip().strip("\"'`")).replace("\\", "/")
    if short.startswith(("/", "~", "<", "http:", "https:", "node:", "internal/")) or re.match(r"^[A-Za-z]:", short):
        return None
    if _FOREIGN.search(short) or not _PATH.match(short) or "../" in short or len(short) > 300:
        return None
    if "." not in short and "/" not in short and not _BARE.match(short):
        return None
    number = int(line)
    return Location(short, number, int(column) if column and str(column).isdecimal() else None) if number else None


def _place(hit: Hit) -> Location | None:
    names = captures(hit.match)
    here = _location(names)
    if here is not None:
        return here
    # What the hit's own line knows (its line number, say) completes the other line.
    places = (_location({**names, **captures(match)}) for match in _nearby(hit))
    return next((place for place in places if place is not None), None)


def counts(hit: Hit) -> bool:
    """Whether the lines are there that the rule expects around its own."""
    rule = hit.rule
    if rule.proof is not None and not any(True for _ in _look(hit, rule.proof, (1, -1))):
        return False
    return not rule.needs or any(True for _ in _nearby(hit))


def _nearby(hit: Hit) -> Iterable[Match]:
    """Matches of the rule's `after` and `before`, the nearest first."""
    yield from _look(hit, hit.rule.after, (1,))
    yield from _look(hit, hit.rule.before, (-1,))


def _look(hit: Hit, nearby: Nearby | None, steps: tuple[int, ...]) -> Iterable[Match]:
    for step in steps if nearby is not None else ():
        for distance in range(1, nearby.within + 1) if nearby else ():
            line = hit.window.at(hit.number + step * distance)
            match = nearby.regexp.search(line) if nearby is not None and line is not None else None
            if match:
                yield match


def _location(values: dict[str, str]) -> Location | None:
    return location_of(values.get("file", ""), values.get("line"), values.get("column"))
