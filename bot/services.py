"""What every handler is given; made once by `app`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.github.gateway import Gateway
from bot.history_work import HistoryWork
from bot.known_work import KnownWork
from bot.monitor import PipelineMonitor
from bot.perform.boards import Boards
from bot.perform.digests import Digests
from bot.perform.handoff import HandOffs
from bot.perform.ledger import Ledger
from bot.perform.requests import Requests
from bot.perform.warnings import Warnings
from storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts a handler may use, and the time."""

    database: Database
    gateway: Gateway
    monitor: PipelineMonitor
    ledger: Ledger
    requests: Requests
    handoffs: HandOffs
    history: HistoryWork
    known: KnownWork
    digests: Digests
    boards: Boards
    warnings: Warnings
    clock: Callable[[], float]
