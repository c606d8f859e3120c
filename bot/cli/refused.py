"""What GitHub's refusals mean to somebody at the command line, with the next step."""

from __future__ import annotations

import aiohttp

from bot.errors import Forbidden, GitHubRefused, NotFound, Retry


def why(error: Exception) -> str:
    """The error in one line."""
    if isinstance(error, NotFound):
        return f"{error}; is the name right, and may these credentials see it?"
    if isinstance(error, GitHubRefused) and error.status == 401:
        return f"{error}; make a new GITHUB_TOKEN (as an App: is the key of this App?)"
    if isinstance(error, Forbidden):
        return f"{error}; it needs the permission {error.permission or 'actions=read'}"
    if isinstance(error.__cause__, aiohttp.ClientConnectionError | TimeoutError):
        return f"{error}; is this machine online, and is GITHUB_API_URL right?"
    if isinstance(error, Retry) and error.after is not None:
        return f"{error}; try again in {max(1, round(error.after))} s"
    return str(error)
