"""`.github/pipeline.yml` as typed settings. Every key is optional; what is not written keeps its default.

Values arrive as text (see `yaml_nodes`) and each key says what it takes from it, so that `off`, `no` and `22:00` mean
what a person meant by them. `bot.config_reading` reads a file into these models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from bot.yaml_nodes import Scalar
from classifiers.model import OwnRule

PATH = ".github/pipeline.yml"
MOST_RULES = 50
_NO = frozenset({"false", "no", "off"})
_YES = frozenset({"true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Right:
    """What a key takes, in words that follow "write"."""

    words: str


def _text(value: object) -> object:
    return value.text if isinstance(value, Scalar) else value


def _word(value: object) -> object:
    text = _text(value)
    return text.strip().lower() if isinstance(text, str) else text


def _flag(value: object) -> object:
    word = _word(value)
    return True if word in _YES else False if word in _NO else word


def _whole(value: object) -> object:
    text = _text(value)
    return int(text) if isinstance(text, str) and re.fullmatch("[0-9]{1,9}", text) else text


def _list(value: object) -> object:
    """One text where a list belongs is a list of one, as in workflow files."""
    return [value] if isinstance(value, Scalar) else value


def _off(value: object) -> object:
    word = _word(value)
    return "off" if word in _NO or word is False else word


def _clock(value: object) -> object:
    text = _text(value)
    return text.zfill(5) if isinstance(text, str) else text


def _zone(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}", name):
        raise ValueError("no time zone")
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise ValueError("no time zone") from error
    return name


def _name(value: object) -> object:
    """Without the zero-width space by which our own reports disarm a mention: people copy from them."""
    text = _text(value)
    return text.replace("\u200b", "").strip() if isinstance(text, str) else text


def _single(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _cut(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


Flag = Annotated[bool, BeforeValidator(_flag), Right("`true` or `false`")]
SeverityWord = Annotated[Literal["critical", "high", "medium", "low"], BeforeValidator(_word)]
CategoryWord = Annotated[
    Literal["linting", "formatting", "testing", "build", "deployment", "dependency", "timeout", "infrastructure"],
    BeforeValidator(_word),
]
Number = Annotated[int, Field(ge=0, le=1000), BeforeValidator(_whole)]
Label = Annotated[
    str, Field(min_length=1, max_length=50, pattern=r"^[^\x00-\x1f]+$"), BeforeValidator(_cut), BeforeValidator(_text)
]
Labels = Annotated[
    tuple[Label, ...],
    Field(max_length=20),
    AfterValidator(_single),
    BeforeValidator(_list),
    Right("a list of at most 20 texts of at most 50 characters"),
]
Glob = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_text)]
Globs = Annotated[
    tuple[Glob, ...],
    Field(max_length=100),
    BeforeValidator(_list),
    Right('a list of at most 100 texts such as `"nightly*"`, each of at most 200 characters'),
]
Time = Annotated[
    str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"), BeforeValidator(_clock), Right('a time such as `"22:00"`')
]


class Part(BaseModel):
    """Settings that belong together; nothing unknown is taken, nothing is guessed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Notify(Part):
    """From when on a failure is worth a notice."""

    severity: Annotated[SeverityWord, Right("`critical`, `high`, `medium` or `low`")] = Field(
        default="high", description="A failure of this severity or worse is worth a notice."
    )
    retries: Annotated[Number, Right("a whole number from 0 to 1000")] = Field(
        default=2, description="A failure that came this often in a row is worth a notice whatever its severity."
    )
    max_new_issues_per_hour: Annotated[Number, Right("a whole number from 0 to 1000")] = Field(
        default=10, description="Beyond this, new failures are gathered in one issue."
    )


class Ignore(Part):
    """What is recorded, but not reported. `*` stands for any text, `?` for one character, `[ab]` for one of them."""

    workflows: Globs = Field(default=(), description="Names of workflows.")
    jobs: Globs = Field(default=(), description="Names of jobs; `test` means all of its matrix.")
    branches: Globs = Field(default=(), description="Names of branches.")


class Agent(Part):
    """Hand-offs to the coding agent with `COPILOT_TOKEN`."""

    assign: Flag = Field(default=True, description="Whether issues are handed to the agent.")
    daily: Annotated[Number, Right("a whole number from 0 to 1000")] = Field(
        default=5, description="How many hand-offs there are a day at most."
    )


class QuietHours(Part):
    """When notices wait; check runs do not."""

    from_: Time = Field(alias="from", description="When they begin.")
    to: Time = Field(description="When they end; earlier than `from` means the next day.")
    timezone: Annotated[
        str,
        Field(max_length=64),
        AfterValidator(_zone),
        BeforeValidator(_text),
        Right('a time zone such as `"Europe/Berlin"`'),
    ] = Field(default="UTC", description="Where these are the hours, as the IANA database names it.")


class RuleEntry(Part):
    """A rule of the repository's own: a line of a log that it knows better."""

    id: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$"),
        BeforeValidator(_text),
        Right("at most 40 letters, digits, `-`, `_` and `.`"),
    ] = Field(description="The name of the rule.")
    category: Annotated[CategoryWord, Right("one of the eight categories, such as `testing` or `infrastructure`")] = (
        Field(description="What kind of failure it is.")
    )
    pattern: Annotated[
        str, Field(min_length=1, max_length=1000), BeforeValidator(_text), Right("a pattern of 1 to 1000 characters")
    ] = Field(description="What the line looks like, in RE2 syntax.")
    severity: Annotated[SeverityWord, Right("`critical`, `high`, `medium` or `low`")] | None = Field(
        default=None, description="How much it matters; without it, as usual for the category."
    )
    suggestion: (
        Annotated[str, Field(max_length=400), BeforeValidator(_text), Right("a text of at most 400 characters")] | None
    ) = Field(default=None, description="What to do about it; `{name}` is what the pattern's group of that name found.")


class RepoConfig(Part):
    """Settings of one repository, as they count."""

    enabled: Flag = Field(
        default=True,
        description="`false`: history is kept, nothing is written in this repository, commands still answer.",
    )
    mention: Annotated[
        str,
        Field(pattern=r"^(@[A-Za-z0-9][A-Za-z0-9-]{0,38}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?)?$"),
        BeforeValidator(_name),
        Right('one name such as `"@copilot"` or `"@org/team"`, in quotes, or `""` for nobody'),
    ] = Field(default="@copilot", description="Who a notice mentions; empty for nobody.")
    notify: Notify = Field(default=Notify(), description="From when on a failure is worth a notice.")
    pull_requests: Annotated[Literal["comment", "check"], BeforeValidator(_word), Right("`comment` or `check`")] = (
        Field(default="comment", description="The notice of a pull request: one comment, or the check run alone.")
    )
    labels: Labels = Field(default=(), description="Further labels of its issues.")
    ignore: Ignore = Field(default=Ignore(), description="What is recorded, but not reported.")
    rules: tuple[RuleEntry, ...] = Field(
        default=(), max_length=MOST_RULES, description="Own rules; a wrong one is left out, the others count."
    )
    agent: Agent = Field(default=Agent(), description="Hand-offs to the coding agent.")
    dashboard_issue: Flag = Field(default=False, description="Keep one issue that is the dashboard.")
    digest: Annotated[Literal["off", "weekly"], BeforeValidator(_off), Right("`off` or `weekly`")] = Field(
        default="off", description="A summary of the week."
    )
    quiet_hours: QuietHours | None = Field(default=None, description="When notices wait.")

    @property
    def own_rules(self) -> tuple[OwnRule, ...]:
        """The rules as the classifier takes them."""
        return tuple(OwnRule(r.id, r.category, r.pattern, r.severity, r.suggestion) for r in self.rules)

    def ignores(self, workflow: str, job: str, branch: str) -> bool:
        """Whether a failure of this job is recorded without being reported."""
        return (
            _any(self.ignore.workflows, workflow)
            or _any(self.ignore.branches, branch)
            or _any(self.ignore.jobs, job)
            or _any(self.ignore.jobs, job.partition(" (")[0])
        )


DEFAULTS = RepoConfig()


def schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors."""
    made = RepoConfig.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "Pipeline Monitor: " + PATH}


def _any(globs: tuple[str, ...], name: str) -> bool:
    return any(_matches(glob, name) for glob in globs)


@lru_cache(4096)
def _matches(glob: str, name: str) -> bool:
    """A glob or the very name. `fnmatch` never looks at one place of the name twice for the same star."""
    return glob == name or fnmatchcase(name[:500], glob)
