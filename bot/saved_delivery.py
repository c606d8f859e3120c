"""Deliveries saved in files: `{"event": …, "delivery": …, "payload": …}`, one object or an array of them."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec


class SavedDelivery(msgspec.Struct, frozen=True):
    """One saved webhook delivery. `delivery` is its id; a missing one makes it a new delivery."""

    event: str
    payload: dict[str, Any]
    delivery: str = msgspec.field(default_factory=lambda: str(uuid.uuid4()))


class NotADelivery(ValueError):
    """The text is no saved delivery; the message says what is wrong."""


def read_saved(text: bytes) -> list[SavedDelivery]:
    """The deliveries of a file: one object, a JSON array, or one object a line."""
    try:
        return msgspec.json.decode(text, type=list[SavedDelivery])
    except msgspec.MsgspecError:
        pass
    try:
        return [msgspec.json.decode(text, type=SavedDelivery)]
    except (msgspec.MsgspecError, RecursionError) as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            raise NotADelivery(str(error)) from error
    try:
        return [msgspec.json.decode(line, type=SavedDelivery) for line in lines]
    except (msgspec.MsgspecError, RecursionError) as error:
        raise NotADelivery(str(error)) from error
