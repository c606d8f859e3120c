"""GitHub's limits: sizes that are answered with 422, and the hourly budget of requests."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from bot.demo.github.call import Refusal
from bot.demo.github.records import Json

BODY_BYTES = 262_144
TITLE_CHARACTERS = 256
OUTPUT_BYTES = 65_535
ANNOTATIONS = 50
MESSAGE_BYTES = 65_536
SECONDARY_LIMIT = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
ACTIONS = 3
ACTION_FIELDS = {"label": 20, "identifier": 20, "description": 40}


def invalid(resource: str, field_name: str, message: str, code: str = "custom") -> Refusal:
    """A 422 about one field."""
    error = {"resource": resource, "code": code, "field": field_name, "message": message}
    return Refusal(422, "Validation Failed", [error])


def bad_request(text: str) -> Refusal:
    """A 422 as GitHub's schema check words it."""
    return Refusal(422, f"Invalid request.\n\n{text}")


def check_title(title: object) -> str:
    """A title of 1 to 256 characters."""
    if not isinstance(title, str) or not title.strip():
        raise invalid("Issue", "title", "title can't be blank", "missing_field")
    if len(title) > TITLE_CHARACTERS:
        raise invalid("Issue", "title", "title is too long (maximum is 256 characters)")
    return title


def too_long(body: object) -> bool:
    """Whether a body is more than GitHub stores; its message names another number than it counts."""
    return isinstance(body, str) and len(body.encode()) > BODY_BYTES


def check_body(body: object, resource: str) -> str:
    """The body of a comment: not empty, not over the limit."""
    if not isinstance(body, str) or not body:
        raise invalid(resource, "body", "body can't be blank", "missing_field")
    if too_long(body):
        raise invalid(resource, "body", "body is too long (maximum is 65536 characters)")
    return body


def check_output(output: object) -> Json:
    """The output of a check run; sizes are counted in bytes."""
    if not isinstance(output, dict) or not isinstance(output.get("summary"), str):
        raise bad_request('"summary" wasn\'t supplied.')
    for name in ("summary", "text"):
        value = output.get(name)
        if isinstance(value, str) and len(value.encode()) > OUTPUT_BYTES:
            raise invalid("CheckRun", name, f"{name} exceeds a maximum bytesize of {OUTPUT_BYTES}")
    for note in check_annotations(output.get("annotations", [])):
        check_annotation(note)
    return output


def check_annotations(notes: object) -> list[Json]:
    """At most fifty in one request."""
    if not isinstance(notes, list) or not all(isinstance(note, dict) for note in notes):
        raise bad_request("annotations is not an array of objects.")
    if len(notes) > ANNOTATIONS:
        raise bad_request(f"No more than {ANNOTATIONS} items are allowed; {len(notes)} were supplied.")
    return notes


def check_annotation(note: Json) -> None:
    """Needed keys, lines from 1, columns within one line only, sizes of the texts."""
    for name in ("path", "start_line", "end_line", "annotation_level", "message"):
        if name not in note:
            raise bad_request(f'"{name}" wasn\'t supplied.')
    first, last = note["start_line"], note["end_line"]
    if not isinstance(first, int) or not isinstance(last, int) or not 1 <= first <= last:
        raise bad_request("start_line and end_line must be integers from 1, in order.")
    if first != last and ("start_column" in note or "end_column" in note):
        raise bad_request("Columns are allowed on one line only.")
    if note["annotation_level"] not in {"notice", "warning", "failure"}:
        raise bad_request(f"{note['annotation_level']!r} is not an annotation level.")
    if len(str(note["message"]).encode()) > MESSAGE_BYTES:
        raise bad_request("message exceeds 64 KB.")
    if len(note.get("title") or "") > 255:
        raise bad_request("Only 255 characters are allowed.")


def check_actions(actions: object) -> list[Json]:
    """At most three buttons, with short texts."""
    if not isinstance(actions, list):
        raise bad_request("actions is not an array.")
    if len(actions) > ACTIONS:
        raise bad_request(f"No more than {ACTIONS} items are allowed; {len(actions)} were supplied.")
    for action in actions:
        for name, most in ACTION_FIELDS.items():
            value = action.get(name) if isinstance(action, dict) else None
            if not isinstance(value, str):
                raise bad_request(f'"{name}" wasn\'t supplied.')
            if len(value) > most:
                raise bad_request(f"Only {most} characters are allowed; {len(value)} were supplied.")
    return actions


@dataclass(slots=True)
class Budget:
    """Requests left in the current hour of one caller."""

    limit: int
    used: int = 0
    reset: float = 0.0


@dataclass(slots=True)
class RateBook:
    """The hourly budgets by caller; answers with 304 are not counted."""

    limit: int = 5000
    writes_per_minute: int | None = None
    """GitHub's secondary limit on content is 80; None does not count, as on GitHub Enterprise Server."""
    budgets: dict[str, Budget] = field(default_factory=dict)
    writes: dict[str, list[float]] = field(default_factory=dict)

    def budget(self, who: str, now: float) -> Budget:
        """The caller's budget, new at the start of each hour."""
        found = self.budgets.get(who)
        if found is None or found.reset <= now:
            found = self.budgets[who] = Budget(self.limit, reset=now + 3600)
        return found

    def check(self, who: str, now: float) -> None:
        """Refuse when nothing is left, as GitHub does."""
        budget = self.budget(who, now)
        if budget.used >= budget.limit:
            message = f"API rate limit exceeded for {who}."
            raise Refusal(403, message, headers=self.headers(who, now))

    def check_write(self, who: str, now: float) -> None:
        """Count a write, and refuse the one that is too many within a minute."""
        if self.writes_per_minute is None:
            return
        recent = [moment for moment in self.writes.get(who, []) if moment > now - 60]
        self.writes[who] = recent
        if len(recent) >= self.writes_per_minute:
            wait = max(1, math.ceil(recent[0] + 60 - now))
            raise Refusal(403, SECONDARY_LIMIT, headers={"Retry-After": str(wait)})
        recent.append(now)

    def headers(self, who: str, now: float) -> dict[str, str]:
        """The rate-limit headers of an answer."""
        budget = self.budget(who, now)
        return {
            "X-RateLimit-Limit": str(budget.limit),
            "X-RateLimit-Remaining": str(max(0, budget.limit - budget.used)),
            "X-RateLimit-Used": str(budget.used),
            "X-RateLimit-Reset": str(math.ceil(budget.reset)),
            "X-RateLimit-Resource": "core",
        }
