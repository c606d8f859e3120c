"""The diagram of the architecture has the arrows that the imports have."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_architecture import imports, inside, trees

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "architecture.md"
BOX = re.compile(r'^  (\w+)\["([^"]+)"\]$', re.MULTILINE)
ARROW = re.compile(r"^  (\w+) (<?)--> (\w+)$", re.MULTILINE)


def test_the_diagram_shows_the_imports_between_its_boxes_and_no_others() -> None:
    diagram = DOCUMENT.read_text(encoding="utf-8").split("```mermaid", 1)[1].split("```", 1)[0]
    boxes = {name: tuple(f"bot.{part}" for part in label.split(", ")) for name, label in BOX.findall(diagram)}
    drawn = {(a, b) for a, _, b in ARROW.findall(diagram)} | {(b, a) for a, both, b in ARROW.findall(diagram) if both}

    def box_of(module: str) -> str:
        return next((name for name, rooms in boxes.items() if any(inside(module, room) for room in rooms)), "")

    pairs = {(box_of(module), box_of(name)) for module in trees() for name, _ in imports(module)}
    assert sorted(drawn) == sorted((a, b) for a, b in pairs if a and b and a != b)


def test_every_box_of_the_diagram_is_a_module_that_exists() -> None:
    diagram = DOCUMENT.read_text(encoding="utf-8").split("```mermaid", 1)[1].split("```", 1)[0]
    labels = [part for _, label in BOX.findall(diagram) for part in label.split(", ")]
    assert len(labels) >= 10
    assert [part for part in labels if not any(inside(module, f"bot.{part}") for module in trees())] == []
