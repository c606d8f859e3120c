"""GitHub's time against ours. Pure.

GitHub refuses a JWT that was issued in its future or has ended by its clock; every answer names its time
(docs.github.com, "Generating a JSON Web Token"; RFC 9110, "Date").
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

MOST_SKEW = 30.0
"""Seconds that clocks may differ without being corrected; a JWT is back-dated by sixty."""
LARGEST_SKEW = 24 * 3600.0
"""Seconds; beyond that it is no clock that runs wrong, but an answer that is not to be believed."""


def time_of(date: str | None) -> float | None:
    """A Date header in epoch seconds; None where it is missing or cannot be read."""
    try:
        # The header has whole seconds: on average half a second is lost.
        return None if date is None else parsedate_to_datetime(date).timestamp() + 0.5
    except (ValueError, OverflowError):
        return None


def correction(date: str | None, ours: float) -> float | None:
    """Seconds to add to our time for GitHub's: 0 where they agree, None where the header is not to be trusted."""
    theirs = time_of(date)
    if theirs is None or abs(theirs - ours) > LARGEST_SKEW:
        return None
    return theirs - ours if abs(theirs - ours) > MOST_SKEW else 0.0
