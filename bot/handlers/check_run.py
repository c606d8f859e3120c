"""`check_run`: our check run is to be run again, or one of its buttons was pressed."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from gidgethub.sansio import Event

from bot.actions import Notify, Request, Rerun, SetMute
from bot.errors import GiveUp, UserError
from bot.events import CheckRunEvent, parse
from bot.handlers.repositories import repository_of
from bot.perform.requests import Asker
from bot.services import Services
from storage import failures
from storage.model import Failure

log = structlog.get_logger(__name__)

MAY = frozenset({"admin", "write"})


async def rerequested(event: Event, services: Services) -> None:
    """GitHub resets the suite but not the run, so the run is written again in any case."""
    parsed = parse(event.data, CheckRunEvent)
    repo = await repository_of(services.database, parsed.repository, parsed.installation)
    await services.monitor.analyse_again(parsed.check_run.head_sha, repo)


async def pressed(event: Event, services: Services) -> None:
    """requested_action: what the button says, for whatever is red on that commit, if the person may."""
    parsed = parse(event.data, CheckRunEvent)
    if parsed.requested_action is None or parsed.sender is None:
        raise GiveUp("the click names no button or no person")
    repo = await repository_of(services.database, parsed.repository, parsed.installation)
    github = await services.gateway.client(repo.installation_id)
    commit, login = parsed.check_run.head_sha, parsed.sender.login
    async with services.database.read() as conn:
        red = await failures.open_of_commit(conn, repo.id, commit)
    request = _request(parsed.requested_action.identifier, red)
    if request is None:
        log.warning("a button is not known or there is nothing to do", identifier=parsed.requested_action.identifier)
        return
    if await github.permission(repo.full_name, login) not in MAY:
        note = f"`{login}` pressed a button, which needs write permission in this repository."
    else:
        note = ""
        try:
            key = f"click:{event.delivery_id}"
            await services.requests.perform([request], Asker(login, key), repo, github)
        except UserError as error:
            note = str(error)
    await services.monitor.refresh(commit, repo, force=True, notes=(note,) if note else ())


def _request(identifier: str, red: Sequence[Failure]) -> Request | None:
    fingerprints = tuple(dict.fromkeys(failure.fingerprint for failure in red))
    if not red:
        return None
    if identifier == "rerun":
        return Rerun(tuple(dict.fromkeys(failure.run_id for failure in red if failure.job_id)))
    if identifier == "mute":
        return SetMute(fingerprints, until=None, reason="by the button of the check run")
    return Notify(fingerprints) if identifier == "notify" else None
