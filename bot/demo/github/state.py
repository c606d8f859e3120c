"""The memory of the stand-in GitHub, apart from HTTP."""

from __future__ import annotations

from bot.demo.github.actions import Actions
from bot.demo.github.issues import Issues


class GitHubState(Actions, Issues):
    """Everything the stand-in knows. Tests and the demo fill it with `add_…` and look into its records.

    `clock` gives epoch seconds and is the only source of time: tokens, timestamps, the age of a log URL.
    """
