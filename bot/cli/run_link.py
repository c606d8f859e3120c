"""The address of a workflow run or of one of its jobs, as it stands in a browser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.token_config import FULL_NAME

_PATH = re.compile(
    r"/(?P<repository>[^/]+/[^/]+)/actions/runs/(?P<run>\d{1,18})(?:/attempts/(?P<attempt>\d{1,9}))?(?:/job/(?P<job>\d{1,18}))?/?"
)
EXAMPLE = "https://github.com/OWNER/NAME/actions/runs/123, with /attempts/2 or /job/456 behind it if you like"


@dataclass(frozen=True, slots=True)
class RunLink:
    """A run, one attempt of it, or one job. `site` is the scheme and host of the web interface."""

    text: str
    site: str
    repository: str
    run_id: int
    attempt: int | None = None
    job_id: int | None = None


def is_link(text: str) -> bool:
    """Whether an input is meant as an address rather than as a file."""
    return text.lower().startswith(("https://", "http://"))


def parse(text: str) -> RunLink:
    """The run or job; its query and fragment (`?pr=1`, `#step:4:20`) say nothing of it. ValueError for others."""
    parts = urlsplit(text)
    found = _PATH.fullmatch(parts.path)
    if found is None or not FULL_NAME.match(found["repository"]):
        raise ValueError(f"{text[:200]!r} is not the address of a run or job, such as {EXAMPLE}")
    return RunLink(
        text=text,
        site=f"{parts.scheme.lower()}://{parts.netloc.lower()}",
        repository=found["repository"],
        run_id=int(found["run"]),
        attempt=int(found["attempt"]) if found["attempt"] else None,
        job_id=int(found["job"]) if found["job"] else None,
    )
