"""The App's webhook from GitHub's side: which deliveries were tried, and sending one again.

Source: docs.github.com/rest/apps/webhooks. Deliveries are kept for three days and never repeated by GitHub itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.github.shapes import DeliveryShape, read
from bot.github.transport import Transport

MOST_LISTED = 20_000


class AppHook:
    """Calls as the App itself."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def deliveries(self, since: datetime) -> list[DeliveryShape]:
        """Every attempt from `since` on, newest first, the good ones too.

        GitHub's filter by status is not used: an attempt that nobody answered is neither a success nor a failure.
        """

        def older(element: dict[str, Any]) -> bool:
            return read(element, DeliveryShape).delivered_at < since

        found = await self._transport.until(
            "/app/hook/deliveries?per_page=100", {}, key="deliveries", most=MOST_LISTED, enough=older
        )
        return [read(each, DeliveryShape) for each in found]

    async def again(self, delivery_id: int) -> None:
        """Have a delivery sent again; it arrives under the same GUID."""
        await self._transport.mint("/app/hook/deliveries/{id}/attempts", id=str(delivery_id))
