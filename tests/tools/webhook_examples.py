"""GitHub's published examples of webhook payloads, for tests that want bodies we did not write."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from tests.tools.npm import NotAvailable, member

PACKAGE, VERSION, FILE = "@octokit/webhooks-examples", "7.6.1", "api.github.com/index.json"


@functools.cache
def _all() -> dict[str, list[dict[str, Any]]]:
    return {entry["name"]: entry["examples"] for entry in json.loads(member(PACKAGE, VERSION, FILE).read_text())}


def webhook_examples(event: str, action: str | None = None) -> list[dict[str, Any]]:
    """The payloads of an event (and action), newest form last; skips the test where they cannot be had."""
    try:
        found = _all()
    except NotAvailable as error:
        pytest.skip(str(error))
    return [example for example in found.get(event, []) if action in (None, example.get("action"))]
