"""A file's text → the values it sets, and every mistake with its line and its remedy. Pure.

A mistake costs its own key alone. What a file sets goes over what the organisation's file sets, key by key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from bot import yaml_nodes
from bot.repo_config import MOST_RULES, Agent, Ignore, Notify, QuietHours, RepoConfig, Right, RuleEntry
from bot.yaml_nodes import Entry, Node, Scalar, Unreadable, fault_in
from classifiers.model import OwnRule
from classifiers.own_rules import LARGEST_TOTAL, mistakes_of, size
from classifiers.redaction import redact

MOST_TOLD = 10
"""Mistakes that are told one by one; a file with more has something else at its root."""
_GROUPS: Mapping[str, type[BaseModel]] = {
    "notify": Notify,
    "ignore": Ignore,
    "agent": Agent,
    "quiet_hours": QuietHours,
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong, as a sentence without its end. `line` is 1-based, None for the file as a whole."""

    line: int | None
    text: str


@dataclass(frozen=True, slots=True)
class FileRead:
    """What one file says: the values it sets, by key, and what is wrong with it."""

    values: Mapping[str, Any]
    mistakes: tuple[Mistake, ...] = ()


NOTHING = FileRead({})


def read(data: bytes) -> FileRead:
    """Every key that is right, and a mistake for every one that is not."""
    try:
        root = yaml_nodes.read(data)
    except Unreadable as error:
        return FileRead({}, (Mistake(error.line, error.problem),))
    reader = _Reader()
    return FileRead(reader.keys(root, RepoConfig, ""), tuple(sorted(reader.mistakes, key=lambda m: m.line or 0)))


def settled(over: FileRead, under: FileRead = NOTHING) -> RepoConfig:
    """The settings that count: `over` goes before `under`, that before the defaults, key by key."""
    merged = dict(under.values)
    for key, value in over.values.items():
        together = key in ("notify", "ignore", "agent") and key in merged
        merged[key] = {**merged[key], **value} if together else value
    return RepoConfig.model_validate(merged)


def notes(file: str, found: FileRead, *, quoting: bool = True) -> tuple[str, ...]:
    """A sentence a mistake, with file, line and remedy. Without `quoting` nothing of the file's text is in them."""
    if not found.mistakes:
        return ()
    if not quoting:
        line = next((m.line for m in found.mistakes if m.line), 1)
        return (f"`{file}`, line {line}: {len(found.mistakes)} mistakes; mend them there, until then defaults count.",)
    told = [
        f"`{file}`{f', line {mistake.line}' if mistake.line else ''}: {mistake.text}."
        for mistake in found.mistakes[:MOST_TOLD]
    ]
    left = len(found.mistakes) - MOST_TOLD
    return (*told, f"`{file}` has {left:,} more mistakes.") if left > 0 else tuple(told)


class _Reader:
    """One reading of a file; collects the mistakes."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def keys(self, node: yaml_nodes.Mapping, model: type[BaseModel], path: str) -> dict[str, Any]:
        """The values of a mapping's good keys."""
        fields = _fields(model)
        values: dict[str, Any] = {}
        for entry in self._once(node, path):
            field = fields.get(entry.key)
            if field is None:
                self._say(entry.line, _unknown(entry.key, path, tuple(fields)) if self._room else "")
            elif (fault := fault_in(entry.value)) is not None:
                self._say(fault[0], f"`{path}{entry.key}`: {fault[1]}")
            elif not (isinstance(entry.value, Scalar) and entry.value.null):
                values |= self._value(entry, model, path)
        return values

    @property
    def _room(self) -> bool:
        return len(self.mistakes) < MOST_TOLD

    def _say(self, line: int, text: str) -> None:
        self.mistakes.append(Mistake(line, text))

    def _once(self, node: yaml_nodes.Mapping, path: str) -> Iterator[Entry]:
        """The keys that stand there once; of the others nobody knows which is meant."""
        places: dict[str, list[Entry]] = {}
        for entry in node.entries:
            places.setdefault(entry.key, []).append(entry)
        for key, entries in places.items():
            if len(entries) == 1:
                yield entries[0]
            else:
                first, second = entries[0].line, entries[1].line
                self._say(second, f"`{path}{_short(key)}` stands in line {first} already: keep one of them")

    def _value(self, entry: Entry, model: type[BaseModel], path: str) -> dict[str, Any]:
        here = f"{path}{entry.key}"
        if here in _GROUPS:
            return self._group(entry)
        if here == "rules":
            return self._rules(entry)
        try:
            return {entry.key: _adapter(model, entry.key).validate_python(_plain(entry.value))}
        except ValidationError as error:
            self._say(_line_of(entry.value, error), f"`{here}`: write {_right(model, entry.key)}; {_meanwhile(here)}")
            return {}

    def _group(self, entry: Entry) -> dict[str, Any]:
        model = _GROUPS[entry.key]
        if not isinstance(entry.value, yaml_nodes.Mapping):
            self._say(entry.value.line, f"`{entry.key}`: write keys below it: {_named(tuple(_fields(model)))}")
            return {}
        before = len(self.mistakes)
        values = self.keys(entry.value, model, f"{entry.key}.")
        missing = [name for name, field in _fields(model).items() if field.is_required() and name not in values]
        if missing:
            if len(self.mistakes) == before:
                self._say(entry.line, f"`{entry.key}` lacks {_named(tuple(missing))}; it is left out")
            return {}
        return {entry.key: values}

    def _rules(self, entry: Entry) -> dict[str, Any]:
        if not isinstance(entry.value, yaml_nodes.Sequence):
            self._say(entry.value.line, "`rules`: write a list, each with `id`, `category` and `pattern`")
            return {}
        good: list[dict[str, Any]] = []
        steps = 0
        for number, node in enumerate(entry.value.items):
            if number >= MOST_RULES:
                self._say(node.line, f"more than {MOST_RULES} rules: this one and those after it are left out")
                break
            rule = self._rule(node, {each["id"] for each in good})
            if rule is None:
                continue
            steps += size(_own(rule))
            if steps > LARGEST_TOTAL:
                self._say(
                    node.line, "the rules' patterns are too large together: this one and those after it are left out"
                )
                break
            good.append(rule)
        return {"rules": good}

    def _rule(self, node: Node, taken: set[str]) -> dict[str, Any] | None:
        if not isinstance(node, yaml_nodes.Mapping):
            self._say(node.line, "a rule needs `id`, `category` and `pattern`; it is left out")
            return None
        before = len(self.mistakes)
        values = self.keys(node, RuleEntry, "rules.")
        missing = tuple(
            name for name, field in _fields(RuleEntry).items() if field.is_required() and name not in values
        )
        if len(self.mistakes) == before and missing:
            self._say(node.line, f"a rule lacks {_named(missing)}; it is left out")
        elif len(self.mistakes) == before and values["id"] in taken:
            self._say(node.line, f"a rule `{values['id']}` stands above already; this one is left out")
        elif len(self.mistakes) == before:
            for mistake in mistakes_of(_own(values)):
                self._say(_line_in(node, "pattern"), f"rule `{values['id']}` is left out: {mistake}")
        return values if len(self.mistakes) == before else None


def _own(values: Mapping[str, Any]) -> OwnRule:
    return OwnRule(**values)


@cache
def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Fields by the name they have in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


@cache
def _adapter(model: type[BaseModel], key: str) -> TypeAdapter[Any]:
    return TypeAdapter(_fields(model)[key].rebuild_annotation())


def _right(model: type[BaseModel], key: str) -> str:
    return next((m.words for m in _fields(model)[key].metadata if isinstance(m, Right)), "another value")


def _plain(node: Node) -> Any:
    """Lists and mappings as Python's; scalars stay what they are, for the key to say what they mean."""
    if isinstance(node, Scalar):
        return node
    if isinstance(node, yaml_nodes.Sequence):
        return [_plain(item) for item in node.items]
    return {entry.key: _plain(entry.value) for entry in node.entries}


def _line_of(node: Node, error: ValidationError) -> int:
    """The line of the item that is wrong, else of the value."""
    place = next((part for part in error.errors()[0]["loc"] if isinstance(part, int)), None)
    if isinstance(node, yaml_nodes.Sequence) and place is not None and place < len(node.items):
        return node.items[place].line
    return node.line


def _line_in(node: yaml_nodes.Mapping, key: str) -> int:
    return next((entry.line for entry in node.entries if entry.key == key), node.line)


def _unknown(key: str, path: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(key[:40].lower(), known, 1)
    remedy = f"perhaps `{path}{near[0]}` is meant" if near else f"known are {_named(known)}"
    return f"`{path}{_short(key)}` is no key: {remedy}" + ("; the rule is left out" if path == "rules." else "")


def _meanwhile(path: str) -> str:
    """What happens as long as a value is wrong."""
    if path.startswith("rules."):
        return "the rule is left out"
    return "no quiet hours until then" if path in ("quiet_hours.from", "quiet_hours.to") else "its default counts"


def _short(text: str) -> str:
    return redact(" ".join(text.replace("`", "'").split()))[:40]


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
