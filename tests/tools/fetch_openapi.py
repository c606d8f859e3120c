"""GitHub's own description of its API, cut down to what the stand-in has, as plain JSON Schema.

`python -m tests.tools.fetch_openapi` fetches it ahead of a test run; the tests fetch it when it is missing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bot.demo.github.table import all_routes
from tests.tools.npm import CACHE, NotAvailable, member

PACKAGE, VERSION, FILE = "@octokit/openapi", "23.0.2", "generated/api.github.com.json"
EVENTS = (
    "check_run",
    "check_suite",
    "installation",
    "installation_repositories",
    "issue_comment",
    "issues",
    "ping",
    "workflow_job",
    "workflow_run",
)
_WORDS_ONLY = {"description", "example", "examples", "externalDocs", "summary", "tags", "x-github", "title"}


def description() -> dict[str, Any]:
    """`{"paths", "webhooks", "components"}`; NotAvailable where it is not here and cannot be fetched."""
    templates = sorted({route.template for route in all_routes()})
    stamp = hashlib.sha256("\n".join([VERSION, Path(__file__).read_text(), *templates]).encode()).hexdigest()[:16]
    kept = CACHE / f"github-api-{stamp}.json"
    if not kept.exists():
        whole = json.loads(member(PACKAGE, VERSION, FILE).read_text())
        unfinished = kept.with_suffix(f".{os.getpid()}.part")
        unfinished.write_text(json.dumps(cut_down(whole, templates)))
        unfinished.replace(kept)
        for other in CACHE.glob("github-api-*.json"):
            if other != kept:
                other.unlink(missing_ok=True)
    loaded: dict[str, Any] = json.loads(kept.read_text())
    return loaded


def cut_down(whole: dict[str, Any], templates: Iterable[str]) -> dict[str, Any]:
    """The named paths, our webhooks and the components they refer to."""
    paths = {name: _plain(whole["paths"][name]) for name in templates if name in whole["paths"]}
    listed = paths["/app/installations"]["get"]["responses"]["200"]["content"]["application/json"]
    # The list wants an account to be a user and an enterprise at once; the single form is right.
    listed["schema"]["items"] = {"$ref": "#/components/schemas/installation"}
    prefixes = tuple(event.replace("_", "-") for event in EVENTS)
    webhooks = {
        name: _plain(value["post"]["requestBody"])
        for name, value in whole["x-webhooks"].items()
        if name.startswith(prefixes)
    }
    components: dict[str, Any] = {}
    waiting = list(_references(paths)) + list(_references(webhooks))
    while waiting:
        kind, name = waiting.pop().split("/")[2:]
        if name in components.setdefault(kind, {}):
            continue
        components[kind][name] = _plain(whole["components"][kind][name])
        waiting += _references(components[kind][name])
    return {"paths": paths, "webhooks": webhooks, "components": components}


def _references(value: object) -> Iterable[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _plain(value: Any, *, named: bool = False) -> Any:
    """OpenAPI 3.0 to JSON Schema: `nullable` becomes a type; prose goes. `named`: keys are names, not words."""
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    kept = {
        key: _plain(inner, named=key == "properties" and not named)
        for key, inner in value.items()
        if named or key not in _WORDS_ONLY
    }
    if named or kept.pop("nullable", None) is not True:
        return kept
    if isinstance(kept.get("enum"), list) and None not in kept["enum"]:
        kept["enum"].append(None)
    return {"anyOf": [kept, {"type": "null"}]}


def main() -> None:
    """Fetch and say what was found."""
    try:
        found = description()
    except NotAvailable as error:
        print(error)
        raise SystemExit(1) from None
    print(f"{len(found['paths'])} paths, {len(found['webhooks'])} webhooks of {PACKAGE} {VERSION}")


if __name__ == "__main__":
    main()
