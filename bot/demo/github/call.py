"""One request to the stand-in and its answer: what every route is given and gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.demo.github.records import AppRecord, InstallationRecord, Json, RepositoryRecord, TokenRecord, User
from bot.demo.github.state import GitHubState

DOCUMENTATION = "https://docs.github.com/rest"


class Refusal(Exception):
    """GitHub's answer is an error: status, message and, for 422, the list of errors."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: Sequence[object] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = list(errors)
        self.headers = dict(headers or {})

    def answer(self) -> Answer:
        """The JSON GitHub sends with it."""
        body: Json = {"message": self.message, "documentation_url": DOCUMENTATION, "status": str(self.status)}
        if self.errors:
            body["errors"] = self.errors
        return Answer(body, self.status, self.headers)


@dataclass(slots=True)
class Answer:
    """`data` goes out as JSON unless `raw` holds the bytes; None is an empty body."""

    data: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an App by JWT, an installation by token, a user by token, or nobody."""

    app: AppRecord | None = None
    installation: InstallationRecord | None = None
    user: User | None = None
    token: TokenRecord | None = None

    @property
    def kind(self) -> str:
        """`installation`, `app`, `user` or `nobody`."""
        if self.installation is not None:
            return "installation"
        if self.app is not None:
            return "app"
        return "nobody" if self.user is None else "user"

    @property
    def author(self) -> User:
        """Who GitHub names as the author of what this caller writes."""
        if self.user is not None:
            return self.user
        if self.app is None:
            raise Refusal(401, "Requires authentication")
        return self.app.bot

    @property
    def app_id(self) -> int | None:
        """The App through which an installation writes."""
        return self.app.id if self.installation is not None and self.app is not None else None


@dataclass(slots=True)
class Call:
    """A request that was matched to a route. `redeliver` and `log_url` reach out of the state."""

    state: GitHubState
    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    caller: Caller
    log_url: Callable[[int], str]
    redeliver: Callable[[int], None]
    repository_record: RepositoryRecord | None = None

    @property
    def repository(self) -> RepositoryRecord:
        """The repository of the path, which the caller may see."""
        if self.repository_record is None:
            raise Refusal(404, "Not Found")
        return self.repository_record

    def number(self, name: str) -> int:
        """A number of the path; 404 where it is none."""
        text = self.params[name]
        if not text.isdecimal():
            raise Refusal(404, "Not Found")
        return int(text)

    def json_object(self) -> Json:
        """The body; 400 where it is not a JSON object. An absent body is an empty one."""
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise Refusal(400, "Body should be a JSON object")
        return self.body


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A route as GitHub's description names it. `permissions`: any one of them is enough."""

    method: str
    template: str
    handler: Handler
    access: str = "repository"
    """`repository`, `app` (JWT), `installation`, `user`, `any` (some token) or `public`."""
    permissions: tuple[tuple[str, str], ...] = ()
