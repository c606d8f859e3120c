"""JSON of webhook deliveries as the App's page of deliveries gives it."""

from __future__ import annotations

from bot.demo.github.identities import Identities
from bot.demo.github.records import DeliveryRecord, Json
from bot.demo.github.shapes.people import iso_millis


def delivery_json(record: DeliveryRecord) -> Json:
    """A delivery in the list."""
    return {
        "id": record.id,
        "guid": record.guid,
        "delivered_at": iso_millis(record.delivered_at),
        "redelivery": record.redelivery,
        "duration": record.duration,
        "status": record.status,
        "status_code": record.status_code,
        "event": record.event,
        "action": record.action,
        "installation_id": record.installation_id,
        "repository_id": record.repository_id,
        "throttled_at": None,
    }


def full_delivery_json(state: Identities, record: DeliveryRecord) -> Json:
    """A delivery with its request and response."""
    headers = {"X-GitHub-Event": record.event, "X-GitHub-Delivery": record.guid}
    return {
        **delivery_json(record),
        "url": state.apps[record.app_id].webhook_url,
        "request": {"headers": headers, "payload": record.payload},
        "response": {"headers": {}, "payload": ""},
    }
