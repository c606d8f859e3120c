"""Between rows and the dataclasses of `storage.model`: columns carry the names of the fields."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Column, Table
    from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")


def names_of(model: type[Any]) -> tuple[str, ...]:
    """The field names of a dataclass, in order."""
    return tuple(field.name for field in fields(model))


def columns_of(table: Table, model: type[Any]) -> list[Column[Any]]:
    """The table's columns that are fields of the dataclass, in the order of the fields."""
    return [table.c[name] for name in names_of(model) if name in table.c]


def values_of(item: Any) -> dict[str, Any]:
    """Field names and values of a dataclass; unlike `asdict` it leaves the values as they are."""
    return {name: getattr(item, name) for name in names_of(type(item))}


def build(model: type[T], rows: Iterable[Any]) -> list[T]:
    """One dataclass a row; the rows were selected with the names of its fields."""
    return [model(**row._mapping) for row in rows]


def insert_into(tx: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, in the dialect of the connection."""
    return sqlite.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)
