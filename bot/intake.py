"""The one way into the inbox, whoever brings the delivery: GitHub, the command line, a proxy."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from bot.door import admit
from storage.inbox_accept import Acceptor
from storage.model import NewDelivery

log = structlog.get_logger(__name__)

LARGEST_BODY = 25 * 2**20
"""Bytes; GitHub does not send larger payloads."""


class Intake:
    """Keeps what is work; returns only once it is durable."""

    def __init__(
        self,
        acceptor: Acceptor,
        *,
        app_id: int | None,
        watched: frozenset[str] | None,
        clock: Callable[[], float],
    ) -> None:
        self._acceptor = acceptor
        self._app_id = app_id
        self._watched = watched
        self._clock = clock

    async def __call__(self, event: str, guid: str, body: bytes) -> bool | None:
        """Take a delivery whose sender is proven. None: nobody handles it; otherwise whether it was new.

        Raises NotAnObject, InboxFull or DatabaseUnavailable; then nothing was kept.
        """
        ticket = admit(event, body, app_id=self._app_id, watched=self._watched)
        if ticket is None:
            return None
        delivery = NewDelivery(
            guid=guid,
            event=event,
            action=ticket.action,
            installation_id=ticket.installation_id,
            repo_id=ticket.repo_id,
            lane=ticket.lane,
            priority=ticket.priority,
            body=body,
            received_at_ms=int(self._clock() * 1000),
        )
        fresh = await self._acceptor.accept(delivery)
        log.debug("delivery kept" if fresh else "delivery known", delivery=guid, event_name=event)
        return fresh
