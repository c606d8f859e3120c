"""What the documents say is so."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import typer
import yaml
from pydantic import AliasChoices

from bot.cli.program import build
from bot.commands.registry import COMMANDS
from bot.settings import Settings
from tests.calls import calls_in, parsed

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
CHECKS = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
SHELL_BLOCK = re.compile(r"^( *)```sh\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?:\]\(|src=\"|srcset=\")([^)\"\s]+)[)\"]")
CALL = re.compile(
    r"(?:^|`|bin/|\| |&& )pipeline ([a-z]+(?: (?:upgrade|backup|prune|list|revive|drop)\b)?)", re.MULTILINE
)
COMMENT = re.compile(r"`/pipeline ([a-z]+)")


def _blocks(text: str) -> list[str]:
    return [found[2] for found in SHELL_BLOCK.finditer(text)]


def _pasted() -> list[str]:
    """The README's commands for a fresh checkout, one line each."""
    return [block.strip() for block in _blocks(README) if block.strip().startswith("python3 -m venv")]


def _commands() -> set[str]:
    program = typer.main.get_command(build())
    names = set()
    for name, command in program.commands.items():  # type: ignore[attr-defined]
        names |= {f"{name} {inner}" for inner in getattr(command, "commands", {})} or {name}
    return names


def _variables() -> dict[str, list[str]]:
    names = {}
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        names[field] = [str(one) for one in (alias.choices if isinstance(alias, AliasChoices) else [alias])]
    return names


def test_the_readme_has_two_commands_of_one_pasted_line_each() -> None:
    demo, tests = _pasted()
    assert "\n" not in demo + tests
    assert demo.endswith(".venv/bin/pipeline demo")
    assert tests.endswith(".venv/bin/pytest")


def test_ci_runs_the_readmes_test_command_to_the_letter() -> None:
    assert _pasted()[1] in [line.strip() for line in CHECKS.splitlines()]


def test_ci_stops_where_the_readmes_test_command_fails(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "run").write_text(CHECKS)
    # The stand-in for Python fails as a broken installation would; the checks after it would succeed.
    for name, script in {"python3": "exit 3", "ruff": "exit 0", "mypy": "exit 0"}.items():
        path = tmp_path / ("python3" if name == "python3" else f".venv/bin/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", tmp_path / ".ci" / "run"], env=environment, stdin=subprocess.DEVNULL, timeout=30, check=False
    )
    assert done.returncode == 3


def test_contributors_ci_runs_the_same_checks_on_every_supported_python() -> None:
    workflow = yaml.safe_load(WORKFLOW)
    job = workflow["jobs"]["check"]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert ".ci/run" in [step.get("run") for step in job["steps"]]
    assert workflow["permissions"] == {"contents": "read"}
    assert job["strategy"]["matrix"]["python"] == re.findall(r"Python :: (3\.\d+)", project)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    links = [link.split("#")[0] for link in LINK.findall(document.read_text(encoding="utf-8"))]
    relative = [link for link in links if link and "://" not in link]
    assert [link for link in relative if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_shell_example_parses(document: Path) -> None:
    for block in _blocks(document.read_text(encoding="utf-8")):
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode, done.stderr) == (0, ""), block
        assert shlex.split(block)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_only_commands_that_exist(document: Path) -> None:
    known = _commands() | {name.split()[0] for name in _commands()}
    text = document.read_text(encoding="utf-8")
    assert set(CALL.findall(text)) <= known
    assert set(COMMENT.findall(text)) <= {command.name for command in COMMANDS}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_call_in_the_examples_is_one_that_the_program_takes(document: Path) -> None:
    for block in _blocks(document.read_text(encoding="utf-8")):
        for arguments in calls_in(block):
            assert parsed(arguments)


def test_the_first_hours_errors_are_quoted_as_the_program_says_them() -> None:
    """Except for what pip and the operating system say."""
    theirs = ("requires a different Python", "Permission denied", "Address already in use")
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").split("## No data")[0]
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")][2:]
    quoted = [piece.strip(" ;`") for row in rows for span in re.findall(r"`([^`]+)`", row) for piece in span.split("…")]
    # Strings of the source as they are put together: `"a" "b"` is `ab`.
    files = (path.read_text("utf-8") for room in ("bot", "storage") for path in (ROOT / room).rglob("*.py"))
    source = re.sub(r'"\s*\n\s*f?"', "", "\n".join(files)).replace("`", "")
    assert len(quoted) > 15
    assert [words for words in quoted if words not in theirs and words not in source] == []


def test_the_words_of_before_lead_to_what_there_is() -> None:
    text = (ROOT / "docs" / "earlier-words.md").read_text(encoding="utf-8")
    for name, path in re.findall(r"^\| `([A-Za-z]+)` \| `(bot/\w+\.py)`", text, re.MULTILINE):
        assert f"class {name}" in (ROOT / path).read_text(encoding="utf-8")
    calls = re.findall(r"`python main\.py (pipeline \w+)` \| `(pipeline [^`]+)`", text)
    assert [(old, parsed(new.split()[1:])) for old, new in calls] == [(old, old.split()[1]) for old, _ in calls]
    assert len(calls) == 4


@pytest.mark.parametrize("name", ["README.md", "docs/commands.md"])
def test_every_command_is_documented(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert {command for command in _commands() if f"| `pipeline {command}" not in text} == set()


def test_every_option_of_every_command_is_documented() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    program = typer.main.get_command(build())
    for name, command in program.commands.items():  # type: ignore[attr-defined]
        line = next(line for line in text.splitlines() if line.startswith(f"| `pipeline {name}"))
        options = [option for one in command.params for option in one.opts if option.startswith("--")]
        assert [option for option in options if option not in line] == []


def test_every_variable_is_documented_with_its_default() -> None:
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| `?([^|`]*)`? \|", (ROOT / "docs/configuration.md").read_text(encoding="utf-8"), re.M
    )
    defaults = dict(rows)
    for field, names in _variables().items():
        assert [name for name in names if name not in defaults] == [], field
        default = Settings.model_fields[field].default
        if default is not None and not isinstance(default, bool):
            assert defaults[names[0]].strip() == str(default)


def test_the_documented_permissions_are_those_the_app_asks_for() -> None:
    manifest = yaml.safe_load((ROOT / "app.yml").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `([a-z_]+)` \| (read|write) \|", text, re.MULTILINE))
    assert table == manifest["default_permissions"]


def test_every_dependency_has_its_reason() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = project.split("\ndependencies = [", 1)[1].split("\n]", 1)[0]
    reasons = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8").lower()
    packages = re.findall(r'"([A-Za-z0-9-]+)', block)
    assert "msgspec" in packages
    assert [package for package in packages if package.lower() not in reasons] == []
