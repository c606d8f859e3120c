"""One line of the doctor's: what was looked at, how it stands, and what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from bot.printing import one_line

MOST = 600
Status = Literal["ok", "warning", "blocked"]


@dataclass(frozen=True, slots=True)
class Check:
    """`remedy` is empty where nothing has to be done."""

    name: str
    status: Status
    message: str
    remedy: str = ""


def ok(name: str, message: str) -> Check:
    """It is right."""
    return Check(name, "ok", one_line(message, MOST))


def warning(name: str, message: str, remedy: str) -> Check:
    """The program works, with less."""
    return Check(name, "warning", one_line(message, MOST), one_line(remedy, MOST))


def blocked(name: str, message: str, remedy: str) -> Check:
    """The program cannot do its main job."""
    return Check(name, "blocked", one_line(message, MOST), one_line(remedy, MOST))


def is_ok(checks: Sequence[Check]) -> bool:
    """Whether nothing blocks."""
    return all(check.status != "blocked" for check in checks)


def as_json(checks: Sequence[Check]) -> str:
    """`{"ok": …, "checks": […]}`."""
    return json.dumps({"ok": is_ok(checks), "checks": [asdict(check) for check in checks]})


def as_text(checks: Sequence[Check], *, coloured: bool) -> str:
    """A line for each, the remedy below, and the sum."""
    lines = []
    for check in checks:
        lines.append(f"{_word(check.status, coloured=coloured)}  {check.name}: {check.message}")
        if check.remedy:
            lines.append(f"         → {check.remedy}")
    counts = {status: sum(check.status == status for check in checks) for status in ("blocked", "warning")}
    if counts["blocked"]:
        lines.append(f"{counts['blocked']} blocked, {counts['warning']} to look at")
    else:
        lines.append(f"Nothing blocks; {counts['warning']} to look at" if counts["warning"] else "All is well")
    return "\n".join(lines)


def _word(status: Status, *, coloured: bool) -> str:
    word = f"{status.upper() if status == 'blocked' else status:7}"
    colour = {"ok": 32, "warning": 33, "blocked": 31}[status]
    return f"\x1b[{colour}m{word}\x1b[0m" if coloured else word
