"""The table of routes: which handler a method and path belong to."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import unquote

from bot.demo.github.call import Route
from bot.demo.github.routes import actions, apps, checks, comments, issues, pulls, repos

_GREEDY = {"path", "basehead", "ref"}
"""Parameters that GitHub reads over slashes."""


def all_routes() -> tuple[Route, ...]:
    """Every route the stand-in has."""
    areas = (apps, actions, checks, issues, comments, pulls, repos)
    return tuple(route for area in areas for route in area.ROUTES)


@cache
def _compiled() -> tuple[tuple[re.Pattern[str], Route], ...]:
    found = []
    for route in all_routes():
        pattern = re.sub(
            r"\{(\w+)\}",
            lambda match: f"(?P<{match[1]}>{'.+' if match[1] in _GREEDY else '[^/]+'})",
            route.template,
        )
        found.append((re.compile(pattern), route))
    return tuple(found)


def match(method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
    """The route for a request with its decoded path parameters; fixed names win over greedy ones."""
    best: tuple[Route, dict[str, str]] | None = None
    for pattern, route in _compiled():
        hit = pattern.fullmatch(raw_path) if route.method == method else None
        if hit is not None and (best is None or len(route.template) > len(best[0].template)):
            best = route, {name: unquote(value) for name, value in hit.groupdict().items()}
    return best
