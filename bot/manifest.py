"""`app.yml`, the App's manifest: the one place that says which permissions and events the App asks for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from bot import yaml_nodes
from bot.yaml_nodes import Mapping, Node, Scalar


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the App asks for. `whole` is the file as it is: mappings, lists, texts and truth values."""

    permissions: dict[str, str]
    events: tuple[str, ...]
    whole: dict[str, Any]


@cache
def manifest() -> Manifest:
    """Read from the installed package, or from the checkout that the package runs from."""
    packaged = resources.files("bot") / "app.yml"
    data = packaged.read_bytes() if packaged.is_file() else (Path(__file__).parents[1] / "app.yml").read_bytes()
    whole = _plain(yaml_nodes.read(data))
    return Manifest(dict(whole["default_permissions"]), tuple(whole["default_events"]), whole)


def _plain(node: Node) -> Any:
    if isinstance(node, Scalar):
        return {"true": True, "false": False}.get(node.text, node.text) if node.plain else node.text
    if isinstance(node, Mapping):
        return {entry.key: _plain(entry.value) for entry in node.entries}
    return [_plain(item) for item in node.items]
