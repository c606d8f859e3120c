"""The database, its queue and its server as they were found → checks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.doctor.check import Check, blocked, ok, warning
from bot.printing import age, one_line

LEAST_FREE = 200 * 2**20
"""Bytes; below that a busy day's log of changes, or a backup, may not fit."""
OLD_SECONDS = 600
_MANY_REASONS = 3


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What was found of the database. Sizes are in bytes; None where it cannot be known from here."""

    where: str
    """The file, or host and name; never a password."""
    engine: str
    """`sqlite` or `postgresql`."""
    version: tuple[int, ...] = ()
    fault: str = ""
    """Why it cannot be opened."""
    exists: bool = True
    current: bool = True
    """Its tables are those of this version."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Those that decide whether a commit survives a power cut, by name."""
    size: int | None = None
    free: int | None = None


def judge_database(facts: DatabaseFacts) -> list[Check]:
    """Everything about the database itself."""
    if facts.fault:
        remedy = "correct DATABASE_URL, and let this user read and write there"
        return [blocked("database", f"{facts.where}: {facts.fault}", remedy)]
    checks = [_version(facts)]
    if not facts.exists:
        checks.append(ok("database", f"{facts.where} is not there yet; `pipeline serve` makes it"))
        return [*checks, *_disk(facts)]
    size = "" if facts.size is None else f", {facts.size / 2**20:.1f} MiB"
    checks.append(ok("database", f"{facts.where} opens{size}"))
    if not facts.current:
        remedy = "`pipeline serve` upgrades it at start, or run `pipeline db upgrade`; back it up before"
        checks.append(warning("migrations", "the tables are of another version", remedy))
    else:
        checks.append(ok("migrations", "the tables are those of this version"))
    return [*checks, _durability(facts), *_disk(facts)]


def _version(facts: DatabaseFacts) -> Check:
    name = "database version"
    told = ".".join(map(str, facts.version))
    if facts.engine != "sqlite":
        return ok(name, f"PostgreSQL {told}")
    if not has_wal_reset_bug(facts.version):
        return ok(name, f"SQLite {told}")
    return warning(
        name,
        f"SQLite {told} has the WAL-reset bug (sqlite.org/wal.html): two programs that write to one file may corrupt "
        "it; this one keeps to a single writing connection",
        "let no other program write to the file; a Python with SQLite 3.51.3, 3.50.7 or 3.44.6 is free of it",
    )


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """SQLite 3.7.0 to 3.51.2, but not the mended 3.44.6 and 3.50.7 and what came after them in their series."""
    mended = (version[:2] == (3, 44) and version >= (3, 44, 6)) or (version[:2] == (3, 50) and version >= (3, 50, 7))
    return (3, 7, 0) <= version <= (3, 51, 2) and not mended


_WANTED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "sqlite": {"journal_mode": ("wal",)},
    "postgresql": {
        "fsync": ("on",),
        "full_page_writes": ("on",),
        "synchronous_commit": ("on", "local", "remote_write", "remote_apply"),
    },
}


def _durability(facts: DatabaseFacts) -> Check:
    name = "durability"
    wanted = _WANTED[facts.engine]
    wrong = [f"{key} is {facts.settings.get(key, '?')}" for key in wanted if facts.settings.get(key) not in wanted[key]]
    if not wrong:
        told = ", ".join(f"{key} {value}" for key, value in facts.settings.items())
        return ok(name, f"what was acknowledged survives a power cut ({told})")
    remedy = "`pipeline serve` sets it" if facts.engine == "sqlite" else "set it to on: a crash may lose deliveries"
    return warning(name, ", ".join(wrong), remedy)


def _disk(facts: DatabaseFacts) -> list[Check]:
    if facts.free is None:
        return []
    told = f"{facts.free / 2**20:,.0f} MiB free"
    if facts.free >= LEAST_FREE:
        return [ok("disk", told)]
    remedy = (
        "make room: at least 200 MiB; `pipeline db prune` after lowering RETENTION_DAYS keeps the file from growing"
    )
    return [blocked("disk", told, remedy)]


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What is in the inbox. `reasons` counts the dead by their reason."""

    waiting: int
    running: int
    dead: int
    oldest_seconds: float | None
    """For how long the oldest one could have run already."""
    reasons: Mapping[str, int] = field(default_factory=dict)


def judge_queue(facts: QueueFacts) -> list[Check]:
    """Whether work moves, and what died."""
    oldest = facts.oldest_seconds or 0.0
    told = f"{facts.waiting} waiting, {facts.running} running"
    if oldest > OLD_SECONDS:
        remedy = "is a server or worker running? Its log says what holds it up"
        checks = [warning("queue", f"{told}; the oldest is ready for {age(oldest)}", remedy)]
    else:
        checks = [ok("queue", told)]
    if not facts.dead:
        return [*checks, ok("dead deliveries", "none")]
    often = sorted(facts.reasons.items(), key=lambda pair: -pair[1])[:_MANY_REASONS]
    reasons = "; ".join(f"{count} × {one_line(reason, 120) or 'no reason'}" for reason, count in often)
    remedy = "see `pipeline inbox list --state dead`, mend the cause, then `pipeline inbox revive ID` or `drop ID`"
    return [*checks, warning("dead deliveries", f"{facts.dead} ({reasons})", remedy)]


def judge_server(*, answers: int | None, holder: int | None, ready: str | None) -> Check:
    """`answers`: the process behind the socket; `holder`: of the lock; `ready`: what /readyz said, if anything."""
    name = "server"
    if answers is not None:
        return ok(name, f"process {answers} has the database and answers")
    if holder is not None:
        who = f"process {holder}" if holder else "another process"
        return warning(
            name,
            f"{who} has the database, but takes no orders from the command line",
            "a shorter path to the database file lets `pipeline inbox` and `replay` hand work to it",
        )
    if ready == "ready":
        return ok(name, "a server here is ready")
    if ready:
        return warning(name, f"a server here is not ready: {ready}", "mend that; its log says more")
    return warning(name, "none runs here", "start `pipeline serve`")
