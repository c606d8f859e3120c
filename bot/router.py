"""Which handler takes which (event, action), and in which lane its work waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from gidgethub.routing import Router
from gidgethub.sansio import Event

from bot.handlers import check_run, check_suite, dashboard, installation, issue_comment, issues, workflow_run
from bot.services import Services
from storage.model import ANSWER, RECORD, REPORT

Handler = Callable[[Event, Services], Awaitable[None]]


class Lane(Enum):
    """Work of one lane is done one after another, in order of arrival."""

    NONE = "none"
    """What only stores needs no order."""
    REPOSITORY = "repository"
    """Whatever reports: no two jobs write one issue or count one retry at once."""
    COMMANDS = "commands"
    """An answer does not wait for logs that are being read."""
    INSTALLATION = "installation"

    @property
    def priority(self) -> int:
        """What goes first where there is more work than time."""
        return {Lane.COMMANDS: ANSWER, Lane.NONE: RECORD}.get(self, REPORT)


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of delivery that is work."""

    event: str
    action: str
    lane: Lane
    handler: Handler


ROUTES: tuple[Route, ...] = (
    Route("workflow_run", "requested", Lane.NONE, workflow_run.started),
    Route("workflow_run", "in_progress", Lane.NONE, workflow_run.started),
    Route("workflow_run", "completed", Lane.REPOSITORY, workflow_run.completed),
    Route("check_suite", "requested", Lane.REPOSITORY, check_suite.requested),
    Route("check_suite", "rerequested", Lane.REPOSITORY, check_suite.rerequested),
    Route("check_suite", "completed", Lane.REPOSITORY, check_suite.completed),
    Route("check_run", "rerequested", Lane.REPOSITORY, check_run.rerequested),
    Route("check_run", "requested_action", Lane.REPOSITORY, check_run.pressed),
    Route("issue_comment", "created", Lane.COMMANDS, issue_comment.created),
    Route("issues", "edited", Lane.COMMANDS, dashboard.edited),
    Route("issues", "closed", Lane.REPOSITORY, issues.closed),
    Route("issues", "reopened", Lane.REPOSITORY, issues.reopened),
    Route("issues", "deleted", Lane.REPOSITORY, issues.vanished),
    Route("issues", "transferred", Lane.REPOSITORY, issues.vanished),
    Route("installation", "created", Lane.INSTALLATION, installation.known),
    Route("installation", "unsuspend", Lane.INSTALLATION, installation.known),
    Route("installation", "new_permissions_accepted", Lane.INSTALLATION, installation.known),
    Route("installation", "suspend", Lane.INSTALLATION, installation.suspended),
    Route("installation", "deleted", Lane.INSTALLATION, installation.deleted),
    Route("installation_repositories", "added", Lane.INSTALLATION, installation.repositories_changed),
    Route("installation_repositories", "removed", Lane.INSTALLATION, installation.repositories_changed),
)
BY_KEY = {(route.event, route.action): route for route in ROUTES}
EVENTS = frozenset(route.event for route in ROUTES)


def build_router() -> Router:
    """gidgethub's router over ROUTES: one callback each, because its own order is unspecified."""
    router = Router()
    for route in ROUTES:
        router.add(route.handler, route.event, action=route.action)
    return router
