"""What contributors and releases go by: forms, workflows, the changelog, and the wheel in a clean environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
OFFLINE = re.compile(r"No matching distribution|NewConnectionError|Could not find a version|ConnectionError")


def workflow(name: str) -> Any:
    """A workflow of GitHub Actions."""
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))


def changelog(folder: Path, version: str) -> subprocess.CompletedProcess[str]:
    """`.ci/changelog` as the release calls it."""
    return subprocess.run(
        [sys.executable, folder / ".ci" / "changelog", version], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose version is 1.2.3, and whose changelog tells of it."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "changelog", tmp_path / ".ci")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changes\n\n## Unreleased\n\n## 1.2.3 (2026-12-01)\n\n- New.\n\n## 1.2.2\n\n- Old.\n"
    )
    return tmp_path


def test_a_release_tells_what_changed_in_it_alone(checkout: Path) -> None:
    done = changelog(checkout, "1.2.3")
    assert (done.returncode, done.stdout) == (0, "- New.\n")


def test_a_release_without_a_word_or_of_another_version_is_refused(checkout: Path) -> None:
    done = changelog(checkout, "1.2.2")
    assert (done.returncode, "builds 1.2.3, not 1.2.2" in done.stderr) == (1, True)
    (checkout / "pyproject.toml").write_text('[project]\nversion = "1.3.0"\n')
    done = changelog(checkout, "1.3.0")
    assert (done.returncode, "says nothing of 1.3.0" in done.stderr) == (1, True)


def test_the_changelog_has_room_for_the_next_release() -> None:
    assert (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").startswith("# Changes\n\n## Unreleased\n")


def test_only_publishing_may_more_than_read_and_no_token_is_kept() -> None:
    release = workflow("release.yml")
    assert release["permissions"] == {"contents": "read"}
    may = {name: job.get("permissions", {}) for name, job in release["jobs"].items()}
    assert may == {"build": {}, "pypi": {"id-token": "write"}, "github": {"contents": "write"}}
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert release["jobs"]["pypi"]["environment"] == "pypi"
    runs = [step.get("run", "") for step in release["jobs"]["build"]["steps"]]
    assert any(run.startswith("mkdir out && .ci/changelog ") for run in runs)
    assert any("cyclonedx-py" in run for run in runs)


def test_ci_also_tests_on_postgresql_as_it_is_deployed() -> None:
    job = workflow("ci.yml")["jobs"]["postgresql"]
    password = job["services"]["postgres"]["env"]["POSTGRES_PASSWORD"]
    assert job["env"]["TEST_DATABASE_URL"] == f"postgresql://postgres:{password}@localhost:5432/postgres"
    assert job["services"]["postgres"]["ports"] == ["5432:5432"]
    [run] = [step["run"] for step in job["steps"] if "pytest" in step.get("run", "")]
    assert [word for word in run.split() if word.startswith("tests/") and not (ROOT / word).exists()] == []


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_issue_forms_have_what_github_asks_of_them(form: Path) -> None:
    """docs.github.com, "Syntax for issue forms" and "Syntax for GitHub's form schema"."""
    data = yaml.safe_load(form.read_text(encoding="utf-8"))
    if form.stem == "config":
        assert data == {"blank_issues_enabled": False}
        return
    assert data["name"]
    assert data["description"]
    ids = [field["id"] for field in data["body"]]
    assert len(ids) == len(set(ids))
    for field in data["body"]:
        assert field["type"] in {"textarea", "input", "dropdown", "checkboxes"}
        assert field["attributes"]["label"]
        assert set(field) <= {"type", "id", "attributes", "validations"}


def test_every_place_that_contributors_are_sent_to_exists() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## To add something", 1)[1].split("\n## ")[0]
    places = re.findall(r"`((?:bot|classifiers|storage|tests)/[\w./-]+|[\w.-]+\.(?:yml|toml|md))`", table)
    assert len(places) > 30
    assert [place for place in places if not (ROOT / place).exists()] == []
    asked = {"a rule", "a pack", "a command in comments", "an event", "a query", "a migration", "a text that is posted"}
    assert asked <= set(re.findall(r"^\| ([^|]+?) \|", table, re.MULTILINE))


def pip(python: Path, *arguments: str) -> None:
    """pip of that Python; skips where no package can be had, except in CI."""
    done = subprocess.run(
        [python, "-m", "pip", "-q", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    if done.returncode and OFFLINE.search(done.stderr) and not os.environ.get("CI"):
        pytest.skip("no package can be fetched here")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_runs_the_demo_in_a_clean_environment(tmp_path: Path) -> None:
    pip(Path(sys.executable), "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT))
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {"bot/app.yml", "classifiers/packs/python.toml", "storage/migrations/env.py"} <= set(names)
    assert {name.split("/")[0].removesuffix(".dist-info").split("-")[0] for name in names} == {
        "bot",
        "classifiers",
        "storage",
        "pipeline_monitor",
    }
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "clean"], check=True, timeout=200)
    pip(tmp_path / "clean" / "bin" / "python", "install", str(wheel))
    done = subprocess.run(
        [tmp_path / "clean" / "bin" / "pipeline", "demo"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Pipeline Monitor" in done.stdout
