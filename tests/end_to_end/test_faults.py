"""GitHub failing in every known way, on every route the program uses: work waits, and nothing is done twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest
from sqlalchemy import update

from bot.demo import deliveries, users
from bot.demo.github.faults import Fault
from bot.demo.github.recording import RecordedRequest
from bot.demo.webhooks import Delivery
from storage import inbox_admin
from storage.inbox_admin import JobListing
from storage.tables import READY, jobs
from tests.end_to_end.world import PYTEST_LOG, World

pytestmark = pytest.mark.slow

UNCLEAR_LOG = "2026-11-20T10:00:01.0000000Z ##[error]Process completed with exit code 1.\n"
PATIENCE = 60


@dataclass
class Case:
    """One repository of an installation of its own, so that its limits and tokens are nobody else's."""

    world: World
    repository: str
    installation: int
    stranger: int
    pull: int
    talk: int
    put_back: list[tuple[str, float]] = field(default_factory=list)
    """Why the work was put back, and for how many seconds, as far as it was seen."""
    dead: str = ""
    attempts: int = 0

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests about this repository or for its token."""
        mine = (f"/repos/{self.repository}/", f"/app/installations/{self.installation}/")
        return [request for request in self.world.github.requests if request.path.startswith(mine)]

    def red(self, log: str = PYTEST_LOG, **fields: object) -> Delivery:
        """A run with one failed job."""
        state = self.world.state
        run = state.add_run(self.repository, **fields)  # type: ignore[arg-type]
        state.add_job(run, log=log)
        return deliveries.workflow_run(state, run)

    def unclear(self) -> Delivery:
        """A failed run whose log says nothing, so that the job's annotations are asked for."""
        return self.red(UNCLEAR_LOG)

    def red_pull(self) -> Delivery:
        """A failed run of the pull request, which the payload does not name, as for a fork."""
        return self.red(branch="feature", event="pull_request")

    def green(self) -> Delivery:
        """The next run is green."""
        run = self.world.state.add_run(self.repository, conclusion="success")
        return deliveries.workflow_run(self.world.state, run)

    def command(self) -> Delivery:
        """Somebody asks how it is going."""
        return users.post_comment(self.world.state, self.repository, self.talk, "/pipeline health")

    def suite(self) -> Delivery:
        """Another App's suite ended badly."""
        state = self.world.state
        sha = state.repository(self.repository).branches["main"]
        check = state.add_check_run(
            self.repository, self.stranger, sha, "unit", title="3 tests failed", summary="tests/test_cart.py failed"
        )
        return deliveries.check_suite(state, state.suites[check.suite_id])

    @property
    def standing(self) -> str:
        """What we left on GitHub: check runs, issues with their comments, comments in talk and pull request."""
        repository = self.world.state.repository(self.repository)
        ours = [issue for issue in repository.issues.values() if "pipeline-failure" in issue.labels]
        talk, pull = repository.issues[self.talk], repository.issues[self.pull]
        told = [
            f"{len(self.world.state.check_runs_named(self.repository))} check",
            *(f"{issue.state}+{len(issue.comments)}" for issue in ours),
            f"pull+{len(pull.comments)}",
            f"talk+{len(talk.comments)}",
            *sorted(reaction.content for comment in talk.comments for reaction in comment.reactions),
        ]
        return " ".join(told)


Step = Callable[[Case], Delivery]


@dataclass(frozen=True)
class Road:
    """A route, and what has to happen until the program takes it: `before`, and then `last`."""

    route: str
    last: Step
    standing: str = "1 check open+0 pull+0 talk+0"
    """What must be there in the end."""
    before: tuple[Step, ...] = ()
    lost: str = ""
    """A write that takes effect without an answer, so that the program looks for what it made."""

    def of(self, case: Case, route: str) -> str:
        """A route of this road with the case's own names."""
        names = {"repo": case.repository, "installation": case.installation, "talk": case.talk, "pull": case.pull}
        for name, value in names.items():
            route = route.replace(f"{{{name}}}", str(value))
        return route


CLOSED = "1 check closed+1 pull+0 talk+0"
IN_PULL = "1 check pull+1 talk+0"
ANSWERED = "0 check pull+0 talk+2 eyes rocket"
TWICE = (Case.red_pull,) * 2
ROADS = {
    "token": Road("POST /app/installations/{installation}/access_tokens", Case.red),
    "jobs": Road("GET /repos/{repo}/actions/runs/", Case.red),
    "log": Road("GET /repos/{repo}/actions/jobs/", Case.red),
    "annotations": Road("GET /repos/{repo}/check-runs/", Case.unclear),
    "suite": Road("GET /repos/{repo}/check-suites/", Case.suite),
    "new issue": Road("POST /repos/{repo}/issues", Case.red),
    "find issue": Road("GET /repos/{repo}/issues", Case.red, lost="POST /repos/{repo}/issues"),
    "change issue": Road("PATCH /repos/{repo}/issues/", Case.red, before=(Case.red,)),
    "closing words": Road("POST /repos/{repo}/issues/", Case.green, CLOSED, (Case.red,)),
    "close issue": Road("PATCH /repos/{repo}/issues/", Case.green, CLOSED, (Case.red,)),
    "new check run": Road("POST /repos/{repo}/check-runs", Case.red),
    "find check run": Road("GET /repos/{repo}/commits/", Case.red, lost="POST /repos/{repo}/check-runs"),
    "change check run": Road("PATCH /repos/{repo}/check-runs/", Case.red, before=(Case.red,)),
    "pull of commit": Road("GET /repos/{repo}/commits/", Case.red_pull, IN_PULL, TWICE),
    "new pull comment": Road("POST /repos/{repo}/issues/{pull}/comments", Case.red_pull, IN_PULL, TWICE),
    "change pull comment": Road(
        "PATCH /repos/{repo}/issues/comments/", Case.red_pull, IN_PULL, (*TWICE, Case.red_pull)
    ),
    "reaction": Road("POST /repos/{repo}/issues/comments/", Case.command, ANSWERED),
    "reply": Road("POST /repos/{repo}/issues/{talk}/comments", Case.command, ANSWERED),
    "find reply": Road(
        "GET /repos/{repo}/issues/{talk}/comments",
        Case.command,
        ANSWERED,
        lost="POST /repos/{repo}/issues/{talk}/comments",
    ),
}
Plan = Callable[[World, str], Fault]
PASSING: dict[str, Plan] = {
    "502": lambda world, route: world.github.fail_next(route, 502),
    "502 after the effect": lambda world, route: world.github.fail_next(route, 502, after=True),
    "503 for a while": lambda world, route: world.github.fail_next(route, 503, times=4),
    "reset": lambda world, route: world.github.faults.reset(route),
    "reset after the effect": lambda world, route: world.github.faults.reset(route, after=True),
    "cut off": lambda world, route: world.github.faults.truncated(route),
    "a page of HTML": lambda world, route: world.github.faults.garbage(route),
    "JSON of another shape": lambda world, route: world.github.fail_next(route, 200, body="nonsense"),
    "an expired token": lambda world, route: world.github.fail_next(route, 401, body={"message": "Bad credentials"}),
}
NO_JSON = {"a page of HTML", "JSON of another shape"}
LIMITS: dict[str, Plan] = {
    "429 with Retry-After": lambda world, route: world.github.fail_next(route, 429, headers={"Retry-After": "1"}),
    "the secondary limit": lambda world, route: world.github.faults.secondary_limit(route, retry_after=1),
    "the primary limit": lambda world, route: world.github.faults.primary_limit(route, reset_at=time.time()),
}
REFUSALS: dict[str, Plan] = {
    "a missing permission": lambda world, route: world.github.fail_next(
        route,
        403,
        headers={"X-Accepted-GitHub-Permissions": "issues=write"},
        body={"message": "Resource not accessible by integration"},
    ),
    "not found": lambda world, route: world.github.fail_next(route, 404, body={"message": "Not Found"}),
    "gone": lambda world, route: world.github.fail_next(route, 410, body={"message": "Issues are disabled"}),
    "invalid": lambda world, route: world.github.fail_next(route, 422, body={"message": "Validation Failed"}),
}


def new_case(world: World, owner: str) -> Case:
    """A repository under an owner who installed our App, with a pull request and an issue to talk in."""
    state = world.state
    repository = f"{owner}/app"
    ours = deliveries.own_app(state)
    stranger = next((app.id for app in state.apps.values() if app.slug == "other-ci"), None)
    if stranger is None:
        stranger = state.create_app("other-ci").id
    state.add_repository(repository)
    installation = state.install(owner, app=ours)
    pull = state.add_pull(repository, "feature").number
    talk = state.add_issue(repository, title="How are we doing?").number
    return Case(world, repository, installation, stranger, pull, talk)


async def see_through(world: World, cases: list[tuple[Delivery, Case]]) -> None:
    """Deliver, and whenever work is put back let it be due at once, until all is done or dead.

    Where a rate limit put it back it is tempted once only; after that it waits as long as it says.
    """
    for delivery, _ in cases:
        assert await world.send(delivery) == 202
    open_cases, database = {delivery.guid: case for delivery, case in cases}, world.parts.database
    async with asyncio.timeout(PATIENCE):
        while open_cases:
            ticket = database.wakeup.ticket
            async with database.read() as conn:
                found = {job.guid: job for job in await inbox_admin.list_jobs(conn, None, 1000)}
            for guid, case in list(open_cases.items()):
                job = found.get(guid)
                if job is None or job.state == "dead":
                    case.dead = job.last_error if job is not None else ""
                    del open_cases[guid]
                elif job.state == "waiting" and job.attempts > case.attempts:
                    case.attempts = job.attempts
                    case.put_back.append((job.last_error, job.run_at_ms / 1000 - time.time()))
                    if sum("rate limit" in reason for reason, _ in case.put_back) < 2:
                        await make_due(world, job)
            await database.wakeup.wait(ticket, 0.1)


async def put_back(world: World) -> JobListing:
    """The first work that was put back."""
    database = world.parts.database
    async with asyncio.timeout(PATIENCE):
        while True:
            ticket = database.wakeup.ticket
            async with database.read() as conn:
                for job in await inbox_admin.list_jobs(conn, "waiting", 10):
                    if job.last_error:
                        return job
            await database.wakeup.wait(ticket, 0.1)


async def make_due(world: World, job: JobListing) -> None:
    """Let work that was put back run now."""
    due = update(jobs).where(jobs.c.id == job.id, jobs.c.state == READY).values(run_at_ms=0)
    await world.parts.database.write(lambda tx: tx.execute(due))
    world.parts.database.wakeup.ring()


async def driven(world: World, plan: Plan, names: Iterable[str] = ROADS) -> dict[str, Case]:
    """These roads with the fault on each of them, side by side."""
    roads = {name: ROADS[name] for name in names}
    cases = {name: new_case(world, f"owner-{number}") for number, name in enumerate(roads)}
    for step in range(max(len(road.before) for road in roads.values())):
        for name, road in roads.items():
            if step < len(road.before):
                assert await world.send(road.before[step](cases[name])) == 202
    assert await world.settled() == {}
    for name, road in roads.items():
        if road.lost:
            world.github.faults.reset(road.of(cases[name], road.lost), after=True)
        plan(world, road.of(cases[name], road.route))
    await see_through(world, [(road.last(cases[name]), cases[name]) for name, road in roads.items()])
    return cases


@pytest.mark.parametrize("fault", PASSING)
async def test_a_passing_fault_changes_nothing_in_the_end(world: World, fault: str) -> None:
    # Whatever GitHub serves as a log with status 200 is the log.
    cases = await driven(world, PASSING[fault], [name for name in ROADS if name != "log" or fault not in NO_JSON])
    for name, case in cases.items():
        assert (name, case.dead, case.standing) == (name, "", ROADS[name].standing)
        assert all(seconds <= 60 for _, seconds in case.put_back), (name, case.put_back)
        assert any(request.fault for request in case.requests), f"{name}: nobody went that way"


@pytest.mark.parametrize("limit", LIMITS)
async def test_nothing_is_asked_before_a_rate_limit_is_over(world: World, limit: str) -> None:
    # A limit of the App itself would hold back all installations' tokens.
    cases = await driven(world, LIMITS[limit], [name for name in ROADS if name != "token"])
    _waited(cases)


@pytest.mark.parametrize("limit", LIMITS)
async def test_no_token_is_asked_for_before_the_apps_own_rate_limit_is_over(world: World, limit: str) -> None:
    _waited(await driven(world, LIMITS[limit], ["token"]))


def _waited(cases: dict[str, Case]) -> None:
    for name, case in cases.items():
        [met] = [at for at, request in enumerate(case.requests) if request.fault == "answer"]
        limited, following = case.requests[met], case.requests[met + 1]
        assert following.arrived_at - limited.arrived_at >= 1, f"{name}: asked again before the time was up"
        assert (name, case.dead, case.standing) == (name, "", ROADS[name].standing)


async def test_a_secondary_limit_that_names_no_time_waits_a_minute(world: World) -> None:
    case = new_case(world, "calm")
    world.github.faults.secondary_limit(f"POST /repos/{case.repository}/issues", retry_after=None)
    assert await world.send(case.red()) == 202
    job = await put_back(world)
    assert 50 < job.run_at_ms / 1000 - time.time() <= 61


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refusal_ends_in_a_clear_state_and_the_worker_goes_on(world: World, refusal: str) -> None:
    cases = await driven(world, REFUSALS[refusal])
    for name, case in cases.items():
        assert len(case.put_back) <= 3, (name, case.put_back)
        assert not case.dead or (name == "token" and f"installation {case.installation}" in case.dead), name
        most, found = ROADS[name].standing.split(), case.standing.split()
        assert len(found) <= len(most), (name, case.standing)
        assert int(found[0]) <= int(most[0]), (name, case.standing)
    after = new_case(world, "after")
    await see_through(world, [(after.red(), after)])
    assert (after.dead, after.standing) == ("", ROADS["new issue"].standing)


@pytest.mark.parametrize("name", PASSING)
async def test_the_apps_own_name_is_asked_for_until_it_is_known(world: World, name: str) -> None:
    fault = PASSING[name](world, "GET /app")
    case = new_case(world, "calm")
    await see_through(world, [(case.command(), case)])
    assert fault not in world.github.faults.pending
    assert (case.dead, case.standing) == ("", ANSWERED)


@pytest.mark.parametrize("name", ["502", "503 for a while", "reset", "404", "429", "403"])
async def test_the_log_store_failing_changes_nothing_in_the_end(world: World, name: str) -> None:
    case = new_case(world, "calm")
    if name.isdecimal():
        world.github.fail_next("log-store", int(name), headers={"Retry-After": "1"} if name == "429" else {})
    else:
        PASSING[name](world, "log-store")
    await see_through(world, [(case.red(), case)])
    assert (case.dead, case.standing) == ("", ROADS["log"].standing)
