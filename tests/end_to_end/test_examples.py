"""GitHub's own example payloads: whatever event and shape, the answer is 202 and no handler breaks."""

from __future__ import annotations

import pytest

from bot.demo.webhooks import Delivery
from bot.router import EVENTS
from tests.end_to_end.world import World
from tests.tools.npm import NotAvailable
from tests.tools.webhook_examples import webhook_examples

BUGS = ("Error:", "Traceback", "KeyError", "TypeError", "AttributeError")


async def test_every_published_example_of_a_handled_event_is_taken(world: World) -> None:
    try:
        examples = [(event, payload) for event in sorted(EVENTS) for payload in webhook_examples(event)]
    except NotAvailable as error:
        pytest.skip(f"GitHub's examples cannot be had: {error}")
    assert len(examples) >= 20
    for number, (event, payload) in enumerate(examples):
        assert await world.send(Delivery(event, payload, app_id=world.app_id, guid=f"example-{number}")) == 202, event
    dead = await world.settled()
    # The examples' installations are not ours, so work that asks GitHub ends with that reason; nothing else may.
    assert {reason for reason in dead.values() if any(bug in reason for bug in BUGS)} == set()
    assert len(dead) < len(examples)
