"""`.github/pipeline.yml`: what each key takes, what is told of what is wrong, and what a hostile file costs."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot import yaml_nodes
from bot.config_reading import MOST_TOLD, notes, read, settled
from bot.render.markdown import prose
from bot.repo_config import DEFAULTS, MOST_RULES, PATH, RepoConfig, schema
from classifiers.own_rules import LARGEST_TOTAL, size

DOCS = Path(__file__).resolve().parents[2] / "docs"
EVERYTHING = """
enabled: false
mention: "@octo/team"
notify: {severity: medium, retries: 5, max_new_issues_per_hour: 3}
pull_requests: check
labels: [ci, "needs: triage"]
ignore: {workflows: [Nightly], jobs: ["lint*"], branches: ["dependabot/*"]}
rules:
  - {id: device, category: infrastructure, pattern: 'DEVICE (?P<n>\\d+)', severity: low, suggestion: "Replug {n}."}
agent: {assign: false, daily: 1}
dashboard_issue: true
digest: weekly
quiet_hours: {from: "22:00", to: "07:00", timezone: "Europe/Berlin"}
"""


def config(text: str) -> RepoConfig:
    """The settings of a file without mistakes."""
    found = read(text.encode())
    assert found.mistakes == ()
    return settled(found)


def told(text: str | bytes) -> tuple[str, ...]:
    """What is told of a file."""
    return notes(PATH, read(text.encode() if isinstance(text, str) else text))


def test_every_key_of_the_contract_is_read() -> None:
    found = config(EVERYTHING)
    assert found.model_dump(by_alias=True, mode="json") == {
        "enabled": False,
        "mention": "@octo/team",
        "notify": {"severity": "medium", "retries": 5, "max_new_issues_per_hour": 3},
        "pull_requests": "check",
        "labels": ["ci", "needs: triage"],
        "ignore": {"workflows": ["Nightly"], "jobs": ["lint*"], "branches": ["dependabot/*"]},
        "rules": [
            {
                "id": "device",
                "category": "infrastructure",
                "pattern": "DEVICE (?P<n>\\d+)",
                "severity": "low",
                "suggestion": "Replug {n}.",
            }
        ],
        "agent": {"assign": False, "daily": 1},
        "dashboard_issue": True,
        "digest": "weekly",
        "quiet_hours": {"from": "22:00", "to": "07:00", "timezone": "Europe/Berlin"},
    }


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "~", "{}", "labels:\nrules: ~\nignore:\nmention:\n"])
def test_a_file_without_values_is_right_and_changes_nothing(text: str) -> None:
    assert config(text) == DEFAULTS


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("digest: off", "digest", "off"),
        ("digest: false", "digest", "off"),
        ("digest: no", "digest", "off"),
        ("enabled: no", "enabled", False),
        ("enabled: 'off'", "enabled", False),
        ("dashboard_issue: on", "dashboard_issue", True),
        ("dashboard_issue: Yes", "dashboard_issue", True),
        ("labels: [1.0, no, 0x1F, 2026-11-25]", "labels", ("1.0", "no", "0x1F", "2026-11-25")),
        ("labels: ci", "labels", ("ci",)),
        ("labels: [ci, ci]", "labels", ("ci",)),
        ('mention: ""', "mention", ""),
        ("mention: '@\u200bcopilot'", "mention", "@copilot"),
        ("pull_requests: Check", "pull_requests", "check"),
    ],
)
def test_a_value_means_what_a_person_meant_by_it(text: str, key: str, value: object) -> None:
    assert getattr(config(text), key) == value


def test_times_of_day_are_no_numbers_to_the_base_of_sixty() -> None:
    quiet = config("quiet_hours: {from: 22:00, to: 7:00, timezone: UTC}").quiet_hours
    assert quiet is not None
    assert (quiet.from_, quiet.to) == ("22:00", "07:00")


def test_an_unknown_key_is_told_with_line_and_what_is_meant_and_the_others_count() -> None:
    found = read(b"labels: [ci]\nenabeld: false\nnotify:\n  retires: 3\n  severity: low\n")
    assert notes(PATH, found) == (
        "`.github/pipeline.yml`, line 2: `enabeld` is no key: perhaps `enabled` is meant.",
        "`.github/pipeline.yml`, line 4: `notify.retires` is no key: perhaps `notify.retries` is meant.",
    )
    assert settled(found).labels == ("ci",)
    assert settled(found).notify.severity == "low"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("\nenabled: perhaps", 2, "`true` or `false`"),
        ("mention: copilot", 1, '"@copilot"'),
        ("mention: '@a\n\n  @b'", 1, '"@copilot"'),
        ("notify:\n  severity: awful", 2, "`critical`, `high`"),
        ("notify:\n\n  retries: -1", 3, "0 to 1000"),
        ("notify: {retries: 1.5}", 1, "0 to 1000"),
        ("notify: high", 1, "`severity`, `retries`"),
        ("pull_requests: issue", 1, "`comment` or `check`"),
        ("labels:\n  - ok\n  - " + "x" * 51, 3, "at most 50 characters"),
        ("labels: [[a]]", 1, "at most 20 texts"),
        ("ignore:\n  branches: {a: b}", 2, "a list"),
        ("agent: {daily: lots}", 1, "0 to 1000"),
        ("digest: daily", 1, "`off` or `weekly`"),
        ("quiet_hours: {from: 25:00, to: 07:00}", 1, '"22:00"'),
        ("quiet_hours: {from: 22:00}", 1, "lacks `to`"),
        ("quiet_hours: {from: 22:00, to: 7:00, timezone: Mars/Base}", 1, '"Europe/Berlin"'),
        ("quiet_hours: {from: 22:00, to: 7:00, timezone: ../../etc/passwd}", 1, '"Europe/Berlin"'),
        ("enabled: true\nenabled: false", 2, "line 1 already"),
        ("labels: &a [ci]", 1, "write the value out"),
        ("ignore:\n  branches:\n    - *wip", 3, "quote a text that begins with `*`"),
        ("labels: !!python/object/apply:os.system [ls]", 1, "leave the tag out"),
        ("labels: !secret x", 1, "leave the tag out"),
        ("rules: yes", 1, "write a list"),
    ],
)
def test_a_wrong_value_costs_its_own_key_and_is_told_with_line_and_remedy(text: str, line: int, said: str) -> None:
    [note] = told(text)
    assert note.startswith(f"`.github/pipeline.yml`, line {line}: ")
    assert said in note
    assert settled(read(text.encode())).model_copy(update={"quiet_hours": None}) == DEFAULTS


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (b"mention: @copilot", 1, "quote a text that begins with `@`"),
        (b"enabled: true\nlabels:\n\t- x", 3, "blanks, not with tabs"),
        (b"ignore:\n  jobs: [*]", 2, "begins with `*`"),
        (b"labels: [a,\nb: c", 3, "not closed"),
        (b"mention: a: b", 1, "colon and a blank"),
        (b"- a", 1, "keys with values"),
        (b"enabled: false\n---\nenabled: true", 2, "second document"),
        (b"a: b\n\xff\xfe", 2, "UTF-8"),
        (b"a:\n\n  b\x00", 3, "control character"),
        (b"? [a]\n: b", 1, "one word"),
    ],
)
def test_a_file_that_is_no_yaml_is_told_with_line_and_remedy(text: bytes, line: int, said: str) -> None:
    [note] = told(text)
    assert f"line {line}: " in note
    assert said in note
    assert settled(read(text)) == DEFAULTS


def test_a_wrong_rule_is_left_out_and_the_others_count() -> None:
    found = read(
        b"rules:\n"
        b"  - {id: good, category: build, pattern: boom}\n"
        b"  - {id: look, category: build, pattern: '(?=x)'}\n"
        b"  - {id: lacks, category: build}\n"
        b"  - {id: what, category: weather, pattern: x}\n"
        b"  - {id: more, category: build, pattern: x, regex: y}\n"
        b"  - {id: good, category: build, pattern: again}\n"
        b"  - just text\n"
    )
    assert [rule.pattern for rule in settled(found).rules] == ["boom"]
    assert [mistake.line for mistake in found.mistakes] == [3, 4, 5, 6, 7, 8]
    assert all("left out" in mistake.text for mistake in found.mistakes)


def test_rules_beyond_fifty_are_left_out() -> None:
    found = read(b"rules:\n" + b"".join(b"- {id: r%d, category: build, pattern: x%d}\n" % (n, n) for n in range(60)))
    assert len(settled(found).rules) == MOST_RULES
    [mistake] = found.mistakes
    assert mistake.line == 52


def test_rules_that_are_too_large_together_are_left_out() -> None:
    found = read(b"rules:\n" + b"".join(b"- {id: r%d, category: build, pattern: 'x{900}'}\n" % n for n in range(9)))
    kept = settled(found).own_rules
    assert 0 < sum(size(rule) for rule in kept) <= LARGEST_TOTAL
    assert len(kept) + 1 == found.mistakes[0].line - 1


def test_the_organisations_file_gives_defaults_key_by_key() -> None:
    organisation = read(b"enabled: false\nlabels: [org]\nnotify: {severity: low, retries: 9}\nmention: '@org/ci'\n")
    own = read(b"enabled: true\nnotify: {retries: 1}\nlabels: []\n")
    both = settled(own, organisation)
    assert (both.enabled, both.labels, both.mention) == (True, (), "@org/ci")
    assert (both.notify.severity, both.notify.retries, both.notify.max_new_issues_per_hour) == ("low", 1, 10)


def test_a_mistake_in_a_key_leaves_the_organisations_value() -> None:
    assert settled(read(b"mention: nobody"), read(b"mention: '@org/ci'")).mention == "@org/ci"


@pytest.mark.parametrize(
    ("glob", "name", "meant"),
    [
        ("dependabot/*", "dependabot/npm/lodash", True),
        ("release/[0-9]*", "release/2", True),
        ("build [linux]", "build [linux]", True),
        ("te?t", "test", True),
        ("test", "test (3.11, ubuntu)", True),
        ("test", "tests", False),
        ("Test", "test", False),
        ("*", "anything", True),
    ],
)
def test_globs_mean_names(glob: str, name: str, meant: bool) -> None:
    found = settled(read(json.dumps({"ignore": {"jobs": [glob]}}).encode()))
    assert found.ignores("CI", name, "main") is meant
    assert not DEFAULTS.ignores("CI", name, "main")


def test_a_glob_of_stars_takes_no_longer_than_others() -> None:
    # A backtracking matcher would need some 10^30 steps here; the time limit of the test is the bound.
    found = config("ignore: {branches: ['" + "*a" * 90 + "*b']}")
    assert not found.ignores("CI", "test", "a" * 250)


def steps(data: bytes) -> int:
    """How many events of the parser reading takes, whether it ends well or not."""
    taken = itertools.count()

    def counting(text: str) -> Iterator[Any]:
        for event in yaml_nodes.parsed(text):
            next(taken)
            yield event

    with contextlib.suppress(yaml_nodes.Unreadable):
        yaml_nodes.read(data, counting)
    return next(taken)


BOMB = b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (c, c, c - 1, c - 1) for c in range(98, 122))


@pytest.mark.parametrize(
    ("data", "most"),
    [
        (b"labels: [" + b"x, " * 700_000 + b"x]", 0),
        (b"\x7fELF" + bytes(range(256)) * 100, 0),
        (b"[" * 5_000, 60),
        (b"- " * 5_000, 60),
        (b"{a: " * 5_000, 110),
        (b"".join(b" " * n + b"a:\n" for n in range(300)), 110),
        (BOMB, 10 * 26),
        (b"a: !!python/object/apply:os.system ['true']\n" * 1_000, 5_010),
    ],
    ids=["2 MB", "binary", "brackets", "dashes", "braces", "indentation", "aliases", "tags"],
)
def test_a_hostile_file_is_refused_within_few_steps(data: bytes, most: int) -> None:
    assert steps(data) <= most
    found = read(data)
    assert settled(found) == DEFAULTS
    assert found.mistakes
    assert len(notes(PATH, found)) <= MOST_TOLD + 1


def test_thousands_of_mistakes_are_few_notes() -> None:
    found = told("".join(f"key{n}: 1\n" for n in range(4_000)))
    assert len(found) == MOST_TOLD + 1
    assert "3,990 more" in found[-1]


def test_nothing_of_the_file_is_live_in_a_note() -> None:
    token = "ghp_" + "a1B2c3D4e5" * 4
    shown = " ".join(prose(note) for note in told(f'"@octocat`#1 https://x.example": 1\n"{token}": 2\n'))
    assert "@octocat" not in shown
    assert " #1" not in shown
    assert token not in shown


def test_a_private_files_text_is_not_quoted_where_others_read() -> None:
    [note] = notes("octo/.github/" + PATH, read(b"\nsecret_project: 1\n"), quoting=False)
    assert "line 2" in note
    assert "secret_project" not in note


def test_the_published_schema_is_the_models_own() -> None:
    assert json.loads((DOCS / "pipeline.schema.json").read_text(encoding="utf-8")) == schema()


@pytest.mark.parametrize("text", [EVERYTHING, "{}", "digest: 'off'"])
def test_the_schema_takes_what_the_models_take(text: str) -> None:
    jsonschema.Draft202012Validator(schema()).validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    ["enabeld: true", "notify: {retries: -1}", "digest: daily", "rules: [{id: a}]", "mention: x", "labels: ['']"],
)
def test_the_schema_refuses_what_the_models_refuse(text: str) -> None:
    assert told(text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(yaml.safe_load(text))


def test_the_document_names_every_key_with_its_default() -> None:
    text = (DOCS / "repository-configuration.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| (.+?) \|", text, re.MULTILINE))
    for key, value in DEFAULTS.model_dump(mode="json").items():
        inner = value.items() if isinstance(value, dict) else ()
        for name, default in [(f"{key}.{each}", inside) for each, inside in inner] or [(key, value)]:
            shown = "none" if default is None else json.dumps(default) if name == "mention" else _yaml(default)
            assert rows[name].strip("`") == shown, name


def _yaml(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def test_the_example_of_the_document_is_right() -> None:
    text = (DOCS / "repository-configuration.md").read_text(encoding="utf-8")
    example = text.partition("```yaml\n")[2].partition("```")[0]
    assert len(config(example).rules) == 1
