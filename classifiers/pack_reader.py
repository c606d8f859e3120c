"""Reads packs of TOML and collects what is wrong with them, so that one look mends a bad pack."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from classifiers.engine import PatternError, compile_pattern
from classifiers.model import Category, Severity
from classifiers.rules import CONTEXT, ROLES, SOURCES, Command, Nearby, PackError, Rule, RuleSet

MAX_PATTERN = 4096
"""Longest pattern in characters; a longer one is a mistake, not a rule."""
_TEXT = frozenset({"id", "tool", "category", "pattern", "role", "source", "severity", "unless"})
_LISTS = frozenset({"matches", "rejects", "suggestions"})
_FLAGS = frozenset({"security", "warning", "anywhere", "needs", "external", "checker"})
_NEARBY = frozenset({"after", "before", "proof"})
_DEFAULTS = frozenset({"tool", "category", "source", "suggestions", "role"})
_RULE_FIELDS = _TEXT | _LISTS | _FLAGS | _NEARBY | {"weight", "lines"}
_PLAIN = ("id", "tool", "pattern", "role", "weight", "source", "unless", *_FLAGS)
_COMMAND_FIELDS = frozenset({"pattern", "tool", "category", "weak"})


class PackReader:
    """One reading of several packs. `thorough` compiles every pattern and tries every example."""

    def __init__(self, *, thorough: bool) -> None:
        self._thorough = thorough
        self._rules: dict[str, Rule] = {}
        self._commands: list[Command] = []
        self._local: dict[str, str] = {}
        self._mistakes: list[str] = []

    def load(self, texts: Mapping[str, str]) -> RuleSet:
        """Packs by name to rules; raises PackError with every mistake."""
        for name, text in texts.items():
            self._read(name, text)
        if self._mistakes:
            raise PackError(self._mistakes)
        return RuleSet(tuple(self._rules.values()), tuple(self._commands), self._local)

    def _read(self, name: str, text: str) -> None:
        try:
            pack = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self._mistakes.append(f"{name}: not TOML: {error}")
            return
        defaults = {key: value for key, value in pack.items() if key not in ("rule", "command", "local")}
        for key in sorted(defaults.keys() - _DEFAULTS):
            self._mistakes.append(f"{name}: {key}: unknown field; a pack has {', '.join(sorted(_DEFAULTS))}")
        for entry in pack.get("rule", []):
            rule = self._rule(name, defaults, entry)
            if rule is not None:
                self._rules[rule.id] = rule
        for entry in pack.get("command", []):
            self._command(name, entry)
        for tool, command in pack.get("local", {}).items():
            if isinstance(command, str) and command:
                self._local[tool] = command
            else:
                self._mistakes.append(f"{name}: local {tool}: has to be text")

    def _rule(self, pack: str, defaults: Mapping[str, Any], entry: Mapping[str, Any]) -> Rule | None:
        values = {**defaults, **{key: value for key, value in entry.items() if value is not None}}
        mistakes = list(_shape(values))
        if values.get("id") in self._rules:
            mistakes.append("id: used twice")
        if not values.get("matches"):
            mistakes.append("matches: at least one line that the rule must match is needed")
        if not mistakes:
            mistakes += [*_words(values), *(self._pattern_mistakes(values) if self._thorough else ())]
        if mistakes:
            self._mistakes.extend(f"{pack}: rule {values.get('id', '(no id)')}: {text}" for text in mistakes)
            return None
        return _built(values)

    def _command(self, pack: str, entry: Mapping[str, Any]) -> None:
        mistakes = [f"{key}: unknown field" for key in sorted(entry.keys() - _COMMAND_FIELDS)]
        mistakes += [f"{key}: missing" for key in ("pattern", "tool", "category") if key not in entry]
        if not mistakes:
            mistakes += [*_words(entry), *(_compiles("pattern", entry["pattern"]) if self._thorough else ())]
        if mistakes:
            where = f"{pack}: command {entry.get('pattern', '(no pattern)')}"
            self._mistakes.extend(f"{where}: {text}" for text in mistakes)
            return
        category = Category(entry["category"])
        optional = {key: entry[key] for key in ("weak",) if key in entry}
        self._commands.append(Command(entry["pattern"], entry["tool"], category, **optional))

    @staticmethod
    def _pattern_mistakes(values: Mapping[str, Any]) -> Iterable[str]:
        wrong = list(_compiles("pattern", values["pattern"]))
        yield from wrong
        for key in sorted(_NEARBY & values.keys()):
            yield from _compiles(key, values[key]["pattern"])
        yield from _compiles("unless", values.get("unless", ""))
        if not wrong:
            yield from _example_mistakes(values)


def _shape(values: Mapping[str, Any]) -> Iterable[str]:
    """Wrong and missing fields, and values of the wrong type."""
    yield from (f"{key}: unknown field" for key in sorted(values.keys() - _RULE_FIELDS))
    yield from (f"{key}: missing" for key in ("id", "tool", "category", "pattern") if key not in values)
    checks: tuple[tuple[frozenset[str], Callable[[Any], bool], str], ...] = (
        (_TEXT, lambda value: isinstance(value, str) and bool(value), "text"),
        (_LISTS, _is_texts, "a list of texts"),
        (_FLAGS, lambda value: isinstance(value, bool), "true or false"),
        (_NEARBY, _is_nearby, "{pattern = text, within = 1 to 60}"),
        (frozenset({"weight"}), _is_weight, "a whole number from -30 to 30"),
        (frozenset({"lines"}), _is_lines, "two whole numbers from 0 to 28: before, after"),
    )
    for keys, good, kind in checks:
        yield from (f"{key}: has to be {kind}" for key in sorted(keys & values.keys()) if not good(values[key]))


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_weight(value: Any) -> bool:
    return _is_whole(value) and -30 <= value <= 30


def _is_lines(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_is_whole(n) and 0 <= n <= 28 for n in value)


def _is_nearby(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != {"pattern", "within"}:
        return False
    return isinstance(value["pattern"], str) and _is_whole(value["within"]) and 1 <= value["within"] <= 60


def _words(values: Mapping[str, Any]) -> Iterable[str]:
    """Values that are none of the known words."""
    known: tuple[tuple[str, Iterable[str]], ...] = (
        ("category", (*Category, CONTEXT)),
        ("role", ROLES),
        ("source", SOURCES),
        ("severity", tuple(Severity)),
    )
    for key, words in known:
        if key in values and values[key] not in tuple(words):
            yield f"{key}: {values[key]!r} is none of {', '.join(words)}"


def _compiles(key: str, pattern: str) -> Iterable[str]:
    if len(pattern) > MAX_PATTERN:
        yield f"{key}: longer than {MAX_PATTERN} characters"
    elif re.search(r"(?<!\\)\[[^\]]*[^\x00-\x7f][^\]]*\]", pattern):
        yield f"{key}: inside [...] a character beyond ASCII matches single bytes; write (?:a|b)"
    else:
        try:
            compile_pattern(pattern)
        except PatternError as error:
            yield f"{key}: {error}"


def _example_mistakes(values: Mapping[str, Any]) -> Iterable[str]:
    rule = _built(values)
    for sample in values.get("matches", []):
        if not any(rule.search(line.encode()) for line in sample.split("\n")):
            yield f"matches: the rule does not match {sample!r}"
    for sample in values.get("rejects", []):
        if rule.search(sample.encode()):
            yield f"rejects: the rule matches {sample!r}"


def _built(values: Mapping[str, Any]) -> Rule:
    category = values["category"]
    fields: dict[str, Any] = {key: values[key] for key in _PLAIN if key in values}
    fields |= {key: tuple(values[key]) for key in _LISTS & values.keys()}
    fields |= {key: Nearby(values[key]["pattern"], values[key]["within"]) for key in _NEARBY & values.keys()}
    return Rule(
        **fields,
        category=None if category == CONTEXT else Category(category),
        lines=tuple(values.get("lines", (2, 8))),
        severity=Severity(values["severity"]) if "severity" in values else None,
    )
