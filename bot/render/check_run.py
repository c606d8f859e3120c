"""The check run of a head commit: every failed job of every workflow, grouped by cause, worst first."""

from __future__ import annotations

from collections.abc import Callable

from bot.facts import Button, CheckAnnotation, CheckRunText, CommitReport
from bot.render import failure as show
from bot.render import whose
from bot.render.failure import Group, count, grouped
from bot.render.fitting import choose, fit, size
from bot.render.markdown import clean, clip_bytes, code, fence, link, plain, prose, word
from storage.model import Failure, Run

SUMMARY_BYTES = 65_535
"""GitHub's limit for `output.summary`; it counts bytes."""
ANNOTATIONS = 50
"""GitHub takes at most this many in one request."""

_EXCERPT_BYTES = 4_600
_JOBS_NAMED = 12
_RECOVERED_NAMED = 3
_GREEN = frozenset({"success", "skipped", "neutral"})

BUTTONS = (
    Button(label="Re-run failed jobs", description="Run the failed jobs of this commit again", identifier="rerun"),
    Button(label="Notify the agent", description="Make the notice now, with its mention", identifier="notify"),
    Button(label="Mute", description="Make no notices of these failures", identifier="mute"),
)
"""What may be asked for while something is red."""


def check_run(report: CommitReport) -> CheckRunText:
    """Title, summary, conclusion and annotations for everything that ran on the report's commit."""
    groups = grouped(report.failures)
    running = any(run.status != "completed" for run in report.runs)
    return CheckRunText(
        title=_title(report, groups),
        summary=_summary(report, groups),
        conclusion="neutral" if groups or running else "success",
        annotations=annotations_of(groups),
        buttons=BUTTONS if groups else (),
    )


def failures_title(groups: list[Group]) -> str:
    """Counts, judges and names the failures: `1 failure, not yours: pytest in test (also on main)`. Not Markdown."""
    head = f"{plain(whose.failures(groups), limit=150)}: "
    all_excused = all(map(whose.excused, groups))
    named: list[str] = []
    for index, group in enumerate(groups):
        text = plain(f"{show.name(group.failure)} in {group.jobs}", limit=100)
        text = whose.tagged(text, group) if all_excused else text
        rest = f", and {len(groups) - index:,} more"
        if len(head + ", ".join([*named, text]) + rest) > 255:
            return head + ", ".join(named) + rest
        named.append(text)
    return head + ", ".join(named)


def green_line(report: CommitReport, shown: Callable[[str], str] = plain) -> str:
    """What stands where nothing failed: what recovered, how many workflows passed, and what is not known yet.

    `shown` makes a name safe for where the line will stand; without it the line is no Markdown.
    """
    passed = sum(run.conclusion in _GREEN for run in report.runs)
    running = sum(run.status != "completed" for run in report.runs)
    other = len(report.runs) - passed - running
    if not running and not other:
        recovered = _recovered(report, shown)
        return f"All green again: {recovered}" if recovered else f"All green: {count(passed, 'workflow')} passed"
    said = [f"{passed:,} passed"] if passed else []
    said += [f"{running:,} still running"] if running else []
    said += [f"{other:,} ended without a result"] if other else []
    return "No failures: " + ", ".join(said)


def _recovered(report: CommitReport, shown: Callable[[str], str]) -> str:
    names = list(dict.fromkeys((show.name(failure), failure.job) for failure in report.recovered))
    if not names:
        return ""
    named = [f"{shown(what)} in {shown(job)}" for what, job in names[:_RECOVERED_NAMED]]
    left = len(names) - len(named)
    return ", ".join(named) + (f" and {left:,} more" if left else "") + " recovered"


def annotations_of(groups: list[Group]) -> tuple[CheckAnnotation, ...]:
    """One annotation for each cause and place, worst first, at most 50."""
    found: dict[tuple[str, str, int], CheckAnnotation] = {}
    for group in groups:
        for reported in group.members:
            failure = reported.failure
            if failure.path and failure.line and failure.line > 0 and _in_repository(failure.path):
                key = failure.fingerprint, failure.path, failure.line
                found.setdefault(key, _annotation(failure, failure.path, failure.line))
    return tuple(found.values())[:ANNOTATIONS]


def _annotation(failure: Failure, path: str, line: int) -> CheckAnnotation:
    return CheckAnnotation(
        path=path,
        line=line,
        title=plain(f"{show.name(failure)} ({word(failure.category)}, {word(failure.severity)})"),
        message=clip_bytes(clean(show.message(failure)), 2_000),
    )


def _in_repository(path: str) -> bool:
    outside = path.startswith(("/", "\\", "~")) or ":" in path or not path.isprintable()
    return not outside and len(path) <= 1_000 and ".." not in path.split("/")


def _title(report: CommitReport, groups: list[Group]) -> str:
    return failures_title(groups) if groups else plain(green_line(report))


def _summary(report: CommitReport, groups: list[Group]) -> str:
    head, tail = _overview(report, groups), notes(report)
    room = SUMMARY_BYTES - size(head) - size(tail) - 300
    blocks = choose([(_line(group), _block(group), _whole(group)) for group in groups], room=room)
    return fit(head, blocks, lambda left: _more(report, left), tail=tail, limit=SUMMARY_BYTES)


def _overview(report: CommitReport, groups: list[Group]) -> str:
    commit = show.commit_link(report.web_url, report.repository, report.commit)
    if not groups:
        runs = [f"- {run_line(run)}" for run in report.runs[:50]]
        return f"{green_line(report, code)} on {commit}." + ("\n\n" + "\n".join(runs) if runs else "")
    jobs = sum(len(group.members) for group in groups)
    causes = f" for {count(len(groups), 'reason')}" if jobs > 1 else ""
    workflows = len({reported.failure.workflow for group in groups for reported in group.members})
    order = ", worst first" if len(groups) > 1 else ""
    if len({show.closeness(group) for group in groups}) > 1:
        order = ", what may be yours first"
    return f"{count(jobs, 'job')} of {count(workflows, 'workflow')} failed{causes} on {commit}{order}."


def run_line(run: Run) -> str:
    """A run's workflow and how it ended, linked."""
    ended = (run.conclusion or run.status).replace("_", " ")
    attempt = f", attempt {run.run_attempt}" if run.run_attempt > 1 else ""
    return f"{link(code(run.workflow), run.url)}: {word(ended)}{attempt}"


def _more(report: CommitReport, left: int) -> str:
    return f"And {left:,} more: {link('all checks of this commit', checks_url(report))}."


def checks_url(report: CommitReport) -> str:
    """The page with every check of the commit."""
    return f"{report.web_url}/{report.repository}/commit/{report.commit}/checks"


def notes(report: CommitReport) -> str:
    """What the report could not see, as a list; empty without notes."""
    lines = [f"- {prose(note)}" for note in report.notes[:20]]
    return "**About this report**\n\n" + "\n".join(lines) if lines else ""


def _line(group: Group) -> str:
    """The least that is said of a cause, where there are hundreds."""
    failure = group.failure
    label = link(code(group.jobs, limit=60), failure.url)
    verdict = f" · {whose.tag(group.verdict, lambda name: code(name, limit=40))}" if group.verdict else ""
    error = code(show.message(failure), limit=60)
    silent = " · muted" if group.first.mute else ""
    return f"- {word(failure.severity)} · {word(failure.category)}{verdict}{silent} · {label}: {error}"


def _block(group: Group) -> str:
    failure = group.failure
    heading = f"### {code(show.name(failure), limit=60)} in {code(group.jobs, limit=80)}"
    error = fence(show.message(failure), limit_bytes=1_000)
    return "\n\n".join(part for part in (heading, whose.sentence(group), error, "\n".join(_facts(group))) if part)


def _whole(group: Group) -> str:
    return "\n\n".join(part for part in (_block(group), details(group.failure)) if part)


def _facts(group: Group) -> list[str]:
    failure, first = group.failure, group.first
    place = show.location(failure)
    lines = [f"- **Where**: {where(failure)}" + (f", at {code(place)}" if place else "")]
    if len(group.members) > 1:
        lines.append(f"- **Also in**: {also_in(group)}")
    lines.append(f"- **What**: {show.what(failure)}")
    hang = whose.time_out(first.hang) if first.hang else ""
    lines += [f"- **Time**: {hang}"] if hang else []
    lines += [f"- **Why {word(failure.category)}**: {show.why(failure)}", f"- **Known**: {show.known(first)}"]
    lines += [f"- **Muted**: {show.muted(first)}"] if first.mute else []
    lines += [f"- **Woke**: {show.woken(first.wake)}"] if first.wake else []
    return lines + [f"- **Next**: {step}" for step in whose.next_steps(group)[:3]]


def where(failure: Failure) -> str:
    """Workflow, job and step, with the link to the log."""
    step = f", step {code(failure.step)}" if failure.step else ", no step known"
    return f"workflow {code(failure.workflow)}, job {code(failure.job)}{step} ({show.log_link(failure)})"


def also_in(group: Group) -> str:
    """The other jobs with the same cause, linked; the first twelve by name."""
    others = [reported.failure for reported in group.members[1:]]
    named = ", ".join(link(code(other.job, limit=60), other.url) for other in others[:_JOBS_NAMED])
    left = len(others) - _JOBS_NAMED
    return named + (f" and {left:,} more" if left > 0 else "")


def details(failure: Failure) -> str:
    """The excerpt of the log, folded away; empty where it says no more than the message."""
    if failure.excerpt.strip() in ("", failure.message.strip()):
        return ""
    excerpt = fence(failure.excerpt, limit_bytes=_EXCERPT_BYTES)
    return f"<details><summary>Log excerpt</summary>\n\n{excerpt}\n\n</details>"
