"""Health as Markdown for comments and as the JSON object of the command line."""

from __future__ import annotations

from bot.render.failure import count
from bot.render.markdown import code, prose
from storage.model import Health

MEANING = {
    "excellent": "95% or more of the runs succeed",
    "good": "85% or more of the runs succeed",
    "fair": "70% or more of the runs succeed",
    "poor": "fewer than 70% of the runs succeed",
}


def health_markdown(health: Health) -> str:
    """One sentence, the figures, and where to go on."""
    where = code(health.repository) if health.repository else "all repositories"
    if health.success_rate is None:
        return (
            f"Health of {where} is **unknown**: no run finished in the last {prose(health.time_range)}.\n\n"
            "Next: ask for more time, for example `/pipeline health --time-range 7d`."
        )
    rate = f"{health.success_rate:.1f}%"
    rows = [
        "| Success rate | Runs | Succeeded | Failed | Average duration |",
        "| ---: | ---: | ---: | ---: | ---: |",
        f"| {rate} | {health.total_runs:,} | {health.successful_runs:,} | {health.failed_runs:,} "
        f"| {health.average_duration_minutes:.1f} min |",
    ]
    meaning = MEANING.get(health.health_score, "")
    opening = f"Health of {where} is **{health.health_score}** over the last {prose(health.time_range)}"
    return f"{opening}{f' ({meaning})' if meaning else ''}.\n\n" + "\n".join(rows) + f"\n\n{_next(health)}"


def _next(health: Health) -> str:
    if not health.failed_runs:
        return "Nothing to do."
    failed = count(health.failed_runs, "failed run")
    return f"Next: {failed} to look at; each has its cause in the check run of its commit."


def health_json(health: Health) -> dict[str, object]:
    """The `health` object: field names and meaning are a promise to scripts."""
    return {
        "time_range": health.time_range,
        "repository": health.repository,
        "success_rate": None if health.success_rate is None else round(health.success_rate, 1),
        "total_runs": health.total_runs,
        "successful_runs": health.successful_runs,
        "failed_runs": health.failed_runs,
        "average_duration_minutes": health.average_duration_minutes,
        "health_score": health.health_score,
    }
