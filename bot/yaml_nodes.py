"""YAML of a stranger as plain nodes that know their lines: text alone, nothing is resolved, built or expanded.

The parser's events are read one by one, so a hostile file is refused at the first event that is too much. Scalars
stay text: whether `off`, `no` or `22:00` is a word, a truth value or a number is for the key to say, not for YAML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML was built without libyaml; the same events, more slowly
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

LARGEST = 64 * 1024
"""Bytes; no configuration of this shape comes near."""
DEEPEST = 50
ALIAS = "`&name` and `*name` are not read here: write the value out, and quote a text that begins with `*` or `&`"
TAG = "tags (`!name`) are not read here: leave the tag out, and quote a text that begins with `!`"
_CORE = {"!", *(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq"))}
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})


class Unreadable(ValueError):
    """The file as a whole cannot be read. `line` is 1-based, None where it has no place."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


@dataclass(frozen=True, slots=True)
class Scalar:
    """One text; `plain` where it stands without quotes. `fault` says why it must not be used."""

    text: str
    plain: bool
    line: int
    fault: str = ""

    @property
    def null(self) -> bool:
        """Nothing was written, or null."""
        return self.plain and self.text in _NULL


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    line: int
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value and the line it stands on."""

    key: str
    value: Node
    line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys in the order of the file; one that stands twice is there twice."""

    entries: tuple[Entry, ...]
    line: int
    fault: str = ""


Node = Scalar | Sequence | Mapping


def parsed(text: str) -> Iterator[Any]:
    """The parser's events, one by one."""
    return iter(yaml.parse(text, Loader=_Loader))


def read(data: bytes, parse: Callable[[str], Iterator[Any]] = parsed) -> Mapping:
    """The file's keys. An empty file has none. `parse` gives the events, no more of which are taken than needed.

    Raises:
        Unreadable: it is too large, no UTF-8, no YAML, too deep, or no mapping.
    """
    text = _text(data)
    events = _Events(text, parse)
    root = events.document()
    if root is None or (isinstance(root, Scalar) and root.null):
        return Mapping((), 1)
    if not isinstance(root, Mapping):
        raise Unreadable('the file has to be keys with values, such as `mention: ""`', root.line)
    return root


def fault_in(node: Node) -> tuple[int, str] | None:
    """Line and reason of the first thing in a node that must not be used."""
    if node.fault:
        return node.line, node.fault
    if isinstance(node, Scalar):
        return None
    inner = node.items if isinstance(node, Sequence) else tuple(entry.value for entry in node.entries)
    return next((found for each in inner if (found := fault_in(each))), None)


def _text(data: bytes) -> str:
    if len(data) > LARGEST:
        raise Unreadable(f"the file is larger than {LARGEST // 1024} KB: shorten it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("the file is not UTF-8: save it as UTF-8", data.count(b"\n", 0, error.start) + 1) from error
    control = _CONTROL.search(text)
    if control is not None:
        raise Unreadable("a control character stands here: remove it", text.count("\n", 0, control.start()) + 1)
    return text


class _Events:
    """The parser's events of one document, as nodes."""

    def __init__(self, text: str, parse: Callable[[str], Iterator[Any]]) -> None:
        self._lines = text.splitlines()
        self._events = parse(text)

    def document(self) -> Node | None:
        """The only document of the file; None where there is none."""
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None
        root = self._node(self._next(), 1)
        self._next()
        more = self._next()
        if not isinstance(more, yaml.StreamEndEvent):
            raise Unreadable("a second document begins here: keep one", _line(more))
        return root

    def _next(self) -> Any:
        try:
            return next(self._events)
        except yaml.YAMLError as error:
            raise self._unreadable(error) from error

    def _node(self, event: Any, depth: int) -> Node:
        line = _line(event)
        if depth > DEEPEST:
            raise Unreadable(f"more than {DEEPEST} levels: flatten it", line)
        if isinstance(event, yaml.AliasEvent):
            return Scalar("", plain=True, line=line, fault=ALIAS)
        fault = _fault(event)
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, plain=event.style is None or event.style == "", line=line, fault=fault)
        if isinstance(event, yaml.SequenceStartEvent):
            return Sequence(tuple(self._items(depth)), line, fault)
        return Mapping(tuple(self._entries(depth)), line, fault)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> Iterator[Entry]:
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar) or key.fault:
                raise Unreadable(key.fault or "a key has to be one word", key.line)
            yield Entry(key.text, self._node(self._next(), depth + 1), key.line)

    def _unreadable(self, error: yaml.YAMLError) -> Unreadable:
        mark = getattr(error, "problem_mark", None)
        if mark is None:
            return Unreadable("this is not YAML: " + _remedy(error, ""))
        line = self._lines[mark.line] if mark.line < len(self._lines) else ""
        return Unreadable("this is not YAML: " + _remedy(error, line[mark.column : mark.column + 1]), mark.line + 1)


def _remedy(error: yaml.YAMLError, sign: str) -> str:
    said = f"{getattr(error, 'context', '')} {getattr(error, 'problem', '')}"
    if "alias" in said or "anchor" in said:
        return "quote a text that begins with `*` or `&`"
    if sign == "\t":
        return "indent with blanks, not with tabs"
    if "cannot start any token" in said:
        return "quote a text that begins with `@`, `%` or a backtick"
    if "mapping values are not allowed" in said:
        return "quote a text that contains a colon and a blank, and indent the keys of one level alike"
    return "look for a quote or bracket that is not closed, or a wrong indentation, here or just above"


def _fault(event: Any) -> str:
    if event.anchor is not None:
        return ALIAS
    return TAG if event.tag is not None and event.tag not in _CORE else ""


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
