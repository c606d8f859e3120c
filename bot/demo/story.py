"""A day in one repository, told step by step: what happens, which deliveries GitHub sends, what to look at.

The story is a generator. Whoever plays it sends each step's deliveries and lets the server work them off before
asking for the next step, so that what the story shows is what stands on the stand-in by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.demo import deliveries, posted, users
from bot.demo.github.records import JobRecord, RunRecord
from bot.demo.github.state import GitHubState
from bot.demo.posted import Post
from bot.demo.recorded import recorded_job
from bot.demo.webhooks import Delivery

REPO = "octo/app"
MINUTE = 60.0
HOUR = 3600.0
DAY_LONG = 7 * HOUR
"""How long before now the story begins."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Something happens. `when` is the time of day on this machine."""

    when: str
    title: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What GitHub tells the App; the next step waits until all of it is worked off."""

    deliveries: tuple[Delivery, ...]


Step = Scene | Sent | Post


class Story:
    """Changes the stand-in's state as people and machines would, and says what GitHub would send.

    `now` is the time of the last scene in epoch seconds; everything lies in the hours before it.
    """

    def __init__(self, state: GitHubState, installation_id: int, now: float) -> None:
        self._state = state
        self._installation_id = installation_id
        self._dawn = now - DAY_LONG

    def steps(self) -> Iterator[Step]:
        """The whole day in order."""
        yield from self._installed()
        yield from self._quiet_morning()
        yield from self._main_turns_red()
        yield from self._flaky_test()
        yield from self._pull_request()
        yield from self._time_out()
        yield from self._recovery()
        yield from self._question()

    def _installed(self) -> Iterator[Step]:
        yield self._scene(0.0, f"The App is installed in {REPO}")
        yield Sent((deliveries.installation(self._state, self._installation_id),))

    def _quiet_morning(self) -> Iterator[Step]:
        yield self._scene(0.1, "Nine green runs: recorded, nothing is posted")
        runs = []
        for number, change in enumerate(("Add carts", "Add prices", "Add discounts")):
            hours = 0.1 + 0.4 * number
            runs.append(self._run("success", hours, minutes=4.1 - 0.2 * number, message=change))
            runs.append(self._run("success", hours, minutes=1.5, name="Docs"))
            runs.append(self._run("success", hours, minutes=5.2, name="Nightly"))
        yield self._sent(*runs)

    def _main_turns_red(self) -> Iterator[Step]:
        yield self._scene(1.5, "A commit breaks two tests on main")
        run = self._run("failure", 1.5, minutes=4.2, message="Round the total of a cart")
        self._job(run, "lint", minutes=1.1)
        self._failed(run, "test", "pytest-assertion")
        yield self._sent(run)
        yield posted.check_run(self._state, REPO, run.head_sha, "main")
        yield posted.newest_issue(self._state, REPO)

    def _flaky_test(self) -> Iterator[Step]:
        yield self._scene(2.5, "A test fails on a branch and passes when the run is started again")
        run = self._run("failure", 2.5, minutes=3.9, message="Drain the queue in a thread", branch="worker-queue")
        self._failed(run, "test", "pytest-flaky")
        yield self._sent(run)
        yield posted.check_run_title(self._state, REPO, run.head_sha, "after attempt 1")
        again = self._state.next_attempt(run, by="mona")
        again.started_at = self._at(2.7)
        self._job(run, "test", minutes=3.7)
        self._state.complete(run, "success")
        again.updated_at = again.started_at + 3.8 * MINUTE
        yield self._sent(run)
        yield posted.check_run_title(self._state, REPO, run.head_sha, "after attempt 2")

    def _pull_request(self) -> Iterator[Step]:
        yield self._scene(3.5, "mona's pull request does not compile")
        self._state.add_commit(REPO, message="Type the orders", branch="typed-orders", author="mona")
        pull = self._state.add_pull(REPO, "typed-orders", title="Type the orders", author="mona")
        run = self._run("failure", 3.5, minutes=2.4, branch="typed-orders", pull=pull.number)
        self._failed(run, "build", "tsc-error")
        yield self._sent(run)
        yield posted.comment(self._state, REPO, pull.number)

    def _time_out(self) -> Iterator[Step]:
        yield self._scene(4.0, "A nightly job hangs; GitHub reports its time-out as `cancelled`")
        run = self._run("cancelled", 4.0, minutes=45.2, name="Nightly")
        self._failed(run, "slow tests", "pytest-timeout")
        yield self._sent(run)
        yield posted.check_run_title(self._state, REPO, run.head_sha, "all that ran on this commit")
        yield posted.newest_issue(self._state, REPO, brief=True)

    def _recovery(self) -> Iterator[Step]:
        yield self._scene(6.0, "A fix lands on main and the tests pass")
        run = self._run("success", 6.0, minutes=4.0, message="Round each price, not the sum")
        self._job(run, "lint", minutes=1.1)
        self._job(run, "test", minutes=3.8)
        yield self._sent(run)
        yield posted.first_issue_closed(self._state, REPO)

    def _question(self) -> Iterator[Step]:
        yield self._scene(DAY_LONG / HOUR, "mona asks in an issue: /pipeline health")
        issue = self._state.add_issue(REPO, title="How are we doing?", author="mona")
        yield Sent((users.post_comment(self._state, REPO, issue.number, "/pipeline health", author="mona"),))
        yield posted.answer(self._state, REPO, issue.number)

    def _at(self, hours: float) -> float:
        return self._dawn + hours * HOUR

    def _scene(self, hours: float, title: str) -> Scene:
        local = datetime.fromtimestamp(self._at(hours)).astimezone()
        return Scene(local.strftime("%H:%M"), title)

    def _sent(self, *runs: RunRecord) -> Sent:
        return Sent(tuple(deliveries.workflow_run(self._state, run) for run in runs))

    def _run(
        self,
        conclusion: str,
        hours: float,
        *,
        minutes: float,
        name: str = "CI",
        branch: str = "main",
        message: str = "",
        pull: int | None = None,
    ) -> RunRecord:
        """A completed run; with a `message` it is that of a new commit, else the branch's head ran."""
        if message:
            self._state.add_commit(REPO, message=message, branch=branch)
        event = "pull_request" if pull else "schedule" if name == "Nightly" else "push"
        started = self._at(hours)
        return self._state.add_run(
            REPO,
            name=name,
            path=f".github/workflows/{name.lower()}.yml",
            branch=branch,
            event=event,
            conclusion=conclusion,
            actor="mona" if pull else "octocat",
            pulls=() if pull is None else (pull,),
            created_at=started,
            started_at=started,
            updated_at=started + minutes * MINUTE,
        )

    def _job(self, run: RunRecord, name: str, *, minutes: float) -> JobRecord:
        started = run.latest.started_at + 5
        return self._state.add_job(
            run, name, conclusion="success", started_at=started, completed_at=started + minutes * MINUTE
        )

    def _failed(self, run: RunRecord, name: str, recording: str) -> JobRecord:
        return self._state.add_job(run, name, **recorded_job(recording, run.latest.started_at + 5))
