"""Between which commits a failure came in, and what changed there: evidence of where, never of who."""

from __future__ import annotations

from bot.facts import Changed, IssueReport
from bot.render import failure as show
from bot.render.failure import count
from bot.render.markdown import code, link
from storage.model import Failure

_FILES = 8


def broke(report: IssueReport) -> dict[str, str]:
    """Between which commits it broke, narrowed by the runs in between, and what changed there."""
    green, red = (
        show.commit_link(report.web_url, report.repository, commit) if commit else ""
        for commit in (report.last_green, report.first_red)
    )
    if not green or not red:
        return {"Last green": green, "First red": red}
    if report.last_green == report.first_red:
        return {"Broke": f"on {red}, which had passed before: no change of the code explains it"}
    span = f"{report.passed or report.last_green}...{report.first_red}"
    changed = link("what changed", f"{report.web_url}/{report.repository}/compare/{span}")
    passed = show.commit_link(report.web_url, report.repository, report.passed) if report.passed else ""
    narrower = f" and after {passed}, where this job still passed" if passed else ""
    between = f"; {count(report.between, 'run')} in between cannot tell" if report.between else ""
    broke = f"after {green} (last green){narrower}, with {red} (first red){between}: {changed}"
    return {"Broke": broke, "Changed": _changed(report.changed, report.occurrences[0])}


def _changed(changed: Changed | None, failure: Failure) -> str:
    """How much changed, which files, and whether the failing place is one of them. It says where, never who."""
    if changed is None:
        return ""
    ours = touched(failure.path, changed.files)
    number = f"{len(changed.files):,}" if changed.whole else f"over {len(changed.files):,}"
    files = "file" if changed.whole and len(changed.files) == 1 else "files"
    amount = f"{number} {files} in {count(changed.commits, 'commit')}"
    first = sorted(changed.files, key=lambda name: (name != ours, name))[:_FILES]
    left = len(changed.files) - len(first)
    named = ", ".join(code(name, limit=80) for name in first) + (f" and {left:,} more" if left > 0 else "")
    place = f". {_place(failure.path, ours, changed)}" if failure.path else ""
    return f"{amount}{': ' * bool(named)}{named}{place}"


def _place(path: str, ours: str, changed: Changed) -> str:
    place = code(path, limit=80)
    if ours:
        return f"The failing place {place} **is among them**"
    if changed.whole:
        return f"The failing place {place} is not among them: the cause is elsewhere in this range, or outside of it"
    return f"The failing place {place} is not among the files that GitHub lists"


def touched(path: str | None, files: tuple[str, ...]) -> str:
    """The changed file that a log means by `path`, which may be given from another folder; empty where none is."""
    wanted = (path or "").replace("\\", "/").removeprefix("./")
    if not wanted:
        return ""
    exact = [name for name in files if name == wanted]
    ends = [name for name in files if name.endswith(f"/{wanted}") or wanted.endswith(f"/{name}")]
    # A bare `index.ts` may be any of several.
    return (exact or (ends if len(ends) == 1 else []) or [""])[0]
