"""What tables are declared with."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, MetaData, text

from storage.columns import Flag, Whole, Words

metadata = MetaData()
ROWID: dict[str, Any] = {"sqlite_strict": True}
KEYED: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


def words(name: str, default: str | None = "", *, key: bool = False) -> Column[Any]:
    """Text that is never null."""
    return Column(name, Words, nullable=False, primary_key=key, server_default=default)


def whole(name: str, default: str | None = None, *, nullable: bool = False) -> Column[Any]:
    """A whole number."""
    return Column(name, Whole, nullable=nullable, server_default=default)


def flag(name: str, default: str = "0") -> Column[Any]:
    """Yes or no."""
    return Column(name, Flag, nullable=False, server_default=text(default))


def where(condition: str) -> dict[str, Any]:
    """What makes an index partial."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}
