"""Webhooks on the wire: the delivery, its signature, and the sending of it."""

from __future__ import annotations

import hmac
import json
import uuid
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field

import aiohttp

from bot.demo.github.records import Json


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook delivery. Sending it twice is a redelivery: the GUID stays."""

    event: str
    payload: Json
    app_id: int
    guid: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def body(self) -> bytes:
        """The bytes that are signed and sent."""
        return json.dumps(self.payload, separators=(",", ":")).encode()


def sign(secret: str | None, body: bytes, delivery: Delivery) -> dict[str, str]:
    """The headers GitHub sends with `body`; without a secret there is no signature."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/0123456",
        "X-GitHub-Hook-ID": "500000001",
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Hook-Installation-Target-ID": str(delivery.app_id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
    }
    if secret:
        for name, digest in (("X-Hub-Signature", "sha1"), ("X-Hub-Signature-256", "sha256")):
            headers[name] = f"{digest}=" + hmac.new(secret.encode(), body, digest).hexdigest()
    return headers


async def send(
    session: aiohttp.ClientSession,
    url: str,
    delivery: Delivery,
    secret: str | None,
    extra_headers: Mapping[str, str] | None = None,
) -> int:
    """POST a delivery and return the status; a failed connection raises, as aiohttp does."""
    body = delivery.body
    headers = {**sign(secret, body, delivery), **(extra_headers or {})}
    async with session.post(url, data=body, headers=headers) as response:
        await response.read()
        return response.status


async def outcome_of(sending: Awaitable[int]) -> tuple[int, str]:
    """Status code and text as the list of deliveries shows them; code 0 where nobody answered."""
    try:
        code = await sending
    except TimeoutError:
        return 0, "timed out"
    except (aiohttp.ClientError, ValueError):
        return 0, "failed to connect to host"
    return code, "OK" if 200 <= code < 300 else f"Invalid HTTP Response: {code}"
