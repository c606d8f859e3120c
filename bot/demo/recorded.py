"""The recorded logs of the demo: real output of real tools, moved to whatever time the story needs."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from importlib import resources

from bot.demo.github.actions import JobFields
from bot.demo.github.records import StepRecord

_STAMP = re.compile(rb"(?m)^(\xef\xbb\xbf)?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{7})Z")


def names() -> list[str]:
    """The names of all recorded jobs."""
    folder = resources.files("bot.demo") / "logs"
    return sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))


def recorded_job(name: str, started_at: float) -> JobFields:
    """Log, steps, annotations and times of a recorded job, as if it had started at `started_at` (epoch).

    Meant for `state.add_job(run, "test", **recorded_job("pytest-assertion", now))`.
    """
    folder = resources.files("bot.demo") / "logs"
    facts = json.loads((folder / f"{name}.json").read_text())
    log = (folder / f"{name}.log").read_bytes()
    steps = [
        StepRecord(
            step["name"],
            step["number"],
            "completed",
            step["conclusion"],
            started_at + step["start"],
            started_at + step["end"],
        )
        for step in facts["steps"]
    ]
    return JobFields(
        conclusion=facts["conclusion"],
        steps=steps,
        log=moved(log, started_at),
        annotations=facts["annotations"],
        started_at=started_at,
        completed_at=started_at + facts["seconds"],
    )


def moved(log: bytes, started_at: float) -> bytes:
    """The log with its first timestamp at `started_at` and all others as far from it as they were."""
    first = _STAMP.search(log)
    if first is None:
        return log
    shift = round(started_at * 10**7) - _ticks(first)

    def stamp(match: re.Match[bytes]) -> bytes:
        seconds, fraction = divmod(_ticks(match) + shift, 10**7)
        text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return (match[1] or b"") + f"{text}.{fraction:07d}Z".encode()

    return _STAMP.sub(stamp, log)


def _ticks(match: re.Match[bytes]) -> int:
    seconds = datetime.fromisoformat(match[2].decode()).replace(tzinfo=UTC).timestamp()
    return int(seconds) * 10**7 + int(match[3])
