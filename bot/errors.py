"""The ways a unit of work can end other than well. Anything else that is raised is a bug."""

from __future__ import annotations


class UserError(Exception):
    """Something the person who asked can mend; the text is shown to them as it is."""


class Retry(Exception):
    """The work cannot be finished now and is put back.

    `after` is in seconds (None: the queue's own back-off). `counts` is False where waiting is no
    fault of the work, such as a rate limit that names its end.
    """

    def __init__(self, reason: str, *, after: float | None = None, counts: bool = True) -> None:
        super().__init__(reason)
        self.after = after
        self.counts = counts


class GiveUp(Exception):
    """The work can never succeed as it is; it ends dead, with this reason, and can be revived."""


class GitHubRefused(Exception):
    """GitHub answered with a client error that repeating would not change.

    `status` is the HTTP status; `permission` names what `X-Accepted-GitHub-Permissions` asked for.
    """

    def __init__(self, status: int, message: str, *, permission: str = "") -> None:
        super().__init__(f"GitHub answered {status}: {message}")
        self.status = status
        self.permission = permission


class NotFound(GitHubRefused):
    """404: absent, or not visible to this installation."""


class Gone(GitHubRefused):
    """410: switched off (issues), expired (logs) or deleted."""


class Forbidden(GitHubRefused):
    """403 that is no rate limit: a permission that is missing, a locked conversation, a suspension."""


class Invalid(GitHubRefused):
    """422: GitHub does not accept the content."""
