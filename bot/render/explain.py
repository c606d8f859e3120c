"""One failure explained as Markdown: what it is, why it was read so, whose it is, what to do."""

from __future__ import annotations

from bot.facts import ReportedFailure
from bot.render import failure as show
from bot.render.markdown import NOTHING, cell, code, fence, link, prose, word
from bot.render.whose import next_steps, sentence
from storage.model import Failure

_EXCERPT_BYTES = 3_000
_CHANCE = "{:.0%}"


def explain_markdown(reported: ReportedFailure) -> str:
    """The reasons in full, the verdict with its evidence, category, severity, rule and confidence."""
    failure = reported.failure
    (group,) = show.grouped([reported])
    where = link(code(f"{failure.workflow} / {failure.job}", limit=120), failure.url)
    head = f"{where} on {code(failure.branch, limit=80)} failed at {show.moment(failure.detected_at)} UTC"
    state = f", resolved {show.moment(failure.resolved_at)} UTC." if failure.resolved_at is not None else "."
    verdict = sentence(group) or "**Unclear whose**: no verdict was reached."
    rows = [
        "| Category | Severity | Rule | Confidence | Verdict |",
        "| --- | --- | --- | ---: | --- |",
        f"| {word(failure.category)} | {word(failure.severity)} | {cell(failure.rule or '', limit=80)} "
        f"| {_CHANCE.format(failure.confidence)} | {_verdict_word(reported)} |",
    ]
    reasons = "\n".join(f"- {prose(reason)}" for reason in failure.reasons[:8]) or "- no rule matched the log"
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(next_steps(group)[:5], 1))
    parts = [
        head + state,
        fence(show.message(failure), limit_bytes=600),
        "\n".join(rows),
        verdict,
        f"Why it was read so:\n\n{reasons}",
        _competitors(failure),
        _log(failure.excerpt),
        f"Next:\n\n{steps}" if steps else "",
        f"Seen before: {show.known(reported)}. Fingerprint {code(failure.fingerprint)}.",
        f"Muted {show.muted(reported)}." if reported.mute else "",
        f"No longer muted: {show.woken(reported.wake)}." if reported.wake else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _verdict_word(reported: ReportedFailure) -> str:
    return word(reported.verdict.kind) if reported.verdict else word(reported.failure.verdict or "unknown")


def _competitors(failure: Failure) -> str:
    if not failure.runners_up:
        return ""
    rows = ["| Finding | Category | Line | Score | Why it lost |", "| --- | --- | ---: | ---: | --- |"]
    for one in failure.runners_up:
        what = f"{cell(one.message, limit=100)} ({cell(one.rule, limit=60)})"
        line = f"{one.line:,}" if one.line else NOTHING
        rows.append(f"| {what} | {word(one.category)} | {line} | {one.score:.0f} | {prose(one.why, limit=60)} |")
    found = show.count(len(failure.runners_up), "other finding")
    return f"<details><summary>{found} competed</summary>\n\n" + "\n".join(rows) + "\n\n</details>"


def _log(excerpt: str) -> str:
    if not excerpt.strip():
        return ""
    log = fence(excerpt, limit_bytes=_EXCERPT_BYTES)
    return f"<details><summary>Log</summary>\n\n{log}\n\n</details>"
