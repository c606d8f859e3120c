"""The first look at a delivery: is it work, and in which lane. Decodes only the fields that decide it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from bot.events import Whole
from bot.lanes import lane_beside, lane_of
from bot.router import BY_KEY, EVENTS, Lane
from storage.model import RECORD, REPORT

ACTIONS_SLUG = "github-actions"
COMMAND = "/pipeline"
LABEL = "pipeline-failure"
BOARD_LABEL = "pipeline-dashboard"


class NotAnObject(ValueError):
    """The body is not a JSON object."""


class _Id(msgspec.Struct):
    id: Whole
    full_name: str | None = None


class _App(msgspec.Struct):
    id: int
    slug: str | None = None


class _OfApp(msgspec.Struct):
    app: _App | None = None


class _Comment(msgspec.Struct):
    body: str | None = None


class _Label(msgspec.Struct):
    name: str | None = None


class _Issue(msgspec.Struct):
    labels: list[_Label] | None = None


class _Door(msgspec.Struct):
    action: str | None = None
    installation: _Id | None = None
    repository: _Id | None = None
    check_suite: _OfApp | None = None
    check_run: _OfApp | None = None
    comment: _Comment | None = None
    issue: _Issue | None = None


class _AnyObject(msgspec.Struct):
    pass


@dataclass(frozen=True, slots=True)
class Ticket:
    """A delivery that is work: where it waits, and whose it is."""

    action: str
    installation_id: int
    repo_id: int | None
    lane: str | None
    priority: int = REPORT


_decoder = msgspec.json.Decoder(_Door)
_object = msgspec.json.Decoder(_AnyObject)


def admit(event: str, body: bytes, *, app_id: int | None, watched: frozenset[str] | None) -> Ticket | None:
    """A ticket for what is work, None for what nobody handles; NotAnObject where it is no JSON object.

    `watched` are token mode's repositories in lower case. A payload of a handled event whose fields have wrong
    types is let in, so that it is kept, and ends dead with the reason.
    """
    try:
        body.decode()  # the decoder skips what it is not asked for, bad UTF-8 included
        door = _decoder.decode(body)
    except msgspec.ValidationError as error:
        return _ill_typed(event, body, error)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise NotAnObject(f"the body is not JSON: {error}") from error
    route = BY_KEY.get((event, door.action or ""))
    if route is None or not _is_ours(event, door, app_id) or not _is_watched(door, watched):
        return None
    installation = door.installation.id if door.installation else 0
    repo = door.repository.id if door.repository else None
    return Ticket(route.action, installation, repo, _lane(route.lane, repo, installation), route.lane.priority)


def _ill_typed(event: str, body: bytes, error: msgspec.ValidationError) -> Ticket | None:
    try:
        _object.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise NotAnObject(f"the body is not a JSON object: {error}") from error
    return Ticket("", 0, None, None, RECORD) if event in EVENTS else None


def _is_ours(event: str, door: _Door, app_id: int | None) -> bool:
    """Checks of other Apps arrive too: their suites count once completed, their check runs never."""
    if event == "check_suite":
        app = door.check_suite.app if door.check_suite else None
        own = app is not None and app.id == app_id
        return own != (door.action == "completed") and (app is None or app.slug != ACTIONS_SLUG)
    if event == "check_run":
        app = door.check_run.app if door.check_run else None
        return app is not None and app.id == app_id
    if event == "issue_comment":
        return COMMAND in ((door.comment.body if door.comment else None) or "").lower()
    if event == "issues":
        labels = (door.issue.labels if door.issue else None) or []
        wanted = BOARD_LABEL if door.action == "edited" else LABEL
        return any(label.name == wanted for label in labels)
    return True


def _is_watched(door: _Door, watched: frozenset[str] | None) -> bool:
    if watched is None or door.repository is None:
        return True
    return (door.repository.full_name or "").lower() in watched


def _lane(lane: Lane, repo: int | None, installation: int) -> str | None:
    match lane:
        case Lane.REPOSITORY:
            return lane_of(repo)
        case Lane.COMMANDS:
            return lane_beside(repo, "commands")
        case Lane.INSTALLATION:
            return f"installation:{installation}"
        case Lane.NONE:
            return None
