"""Column types that mean the same on SQLite (STRICT tables) and PostgreSQL."""

from __future__ import annotations

import json
import re
from dataclasses import astuple
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Double, Integer, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects.sqlite import REAL
from sqlalchemy.types import TypeDecorator, TypeEngine

from classifiers.model import RunnerUp

if TYPE_CHECKING:
    from sqlalchemy import Dialect

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Whole = BigInteger().with_variant(Integer(), "sqlite")
Small = SmallInteger().with_variant(Integer(), "sqlite")
Real: TypeEngine[float] = Double().with_variant(REAL(), "sqlite")
Blob = LargeBinary()


def storable(text: str) -> str:
    """The text with what PostgreSQL refuses (NUL, lone surrogates) replaced by U+FFFD.

    JSON from outside may carry both as escapes; a delivery must not die of them.
    """
    return text if text.isascii() and "\x00" not in text else _UNSTORABLE.sub("\ufffd", text)


class Words(TypeDecorator[str]):
    """Text from outside, made storable on the way in."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else storable(value)


class Flag(TypeDecorator[bool]):
    """A boolean as 0 or 1: STRICT tables know no BOOLEAN."""

    impl = Small
    cache_ok = True

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> bool | None:  # noqa: ARG002
        return None if value is None else bool(value)


class TextList(TypeDecorator[tuple[str, ...]]):
    """A tuple of strings as a JSON array."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else json.dumps([storable(item) for item in value], ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:  # noqa: ARG002
        return None if value is None else tuple(json.loads(value))


class RunnersUp(TypeDecorator[tuple[RunnerUp, ...]]):
    """Findings that lost, as a JSON array of arrays in the order of their fields."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[RunnerUp, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else storable(json.dumps([astuple(item) for item in value], ensure_ascii=False))

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[RunnerUp, ...] | None:  # noqa: ARG002
        return None if value is None else tuple(RunnerUp(*item) for item in json.loads(value))
