"""What the program is made of: locked with hashes, under licences that allow it, and watched."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements-locked.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)
RUNS_ON = {"python_version": "3.11", "python_full_version": "3.11.0", "sys_platform": "linux", "extra": ""}
ALLOWED = {"MIT", "MIT-0", "ISC", "PSF-2.0", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause"}
"""Permissive licences, by SPDX's names; what is not here is looked at by a person first."""
MOVING = {"pypa/gh-action-pypi-publish@release/v1"}
"""Named by a branch, which is how its makers say that it is to be named."""
OLD_NAMES = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 3-Clause": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}


def locked() -> dict[str, Version]:
    """The packages of the lock with their versions."""
    return {canonicalize_name(name): Version(version) for name, version, _ in ENTRY.findall(LOCK)}


def wanted(requirements: list[str], extra: str = "") -> list[Requirement]:
    """Those of the requirements that count on the lock's platform."""
    read = [Requirement(one) for one in requirements]
    return [one for one in read if one.marker is None or one.marker.evaluate({**RUNS_ON, "extra": extra})]


def licence_of(package: str) -> str:
    """How a distribution names its licence, in SPDX's words where it is known what it means."""
    found = importlib.metadata.metadata(package)
    classifiers = [one.rpartition(" :: ")[2] for one in found.get_all("Classifier", []) if one.startswith("License ::")]
    said = found.get("License-Expression") or found.get("License") or " OR ".join(classifiers)
    for old, name in OLD_NAMES.items():
        said = re.sub(rf"\b{re.escape(old)}\b", name, said)
    return said


def test_every_line_of_the_lock_is_a_version_with_hashes_and_no_address() -> None:
    rest = ENTRY.sub("", re.sub(r"^#.*\n", "", LOCK, flags=re.MULTILINE))
    assert rest.strip() == ""
    assert "://" not in LOCK


def test_the_lock_satisfies_what_the_project_asks_for() -> None:
    have = locked()
    requirements = wanted([*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["postgres"]])
    assert len(requirements) == len(PROJECT["dependencies"]) + 1
    wrong = [str(one) for one in requirements if not one.specifier.contains(have[canonicalize_name(one.name)])]
    assert wrong == []


def test_the_lock_has_whatever_its_packages_need_themselves() -> None:
    have = locked()
    extras = {canonicalize_name(one.name): one.extras for one in wanted(PROJECT["dependencies"])}
    lacking = [
        f"{package} needs {need}"
        for package in have
        for extra in ("", *extras.get(package, ()))
        for need in wanted(importlib.metadata.requires(package) or [], extra)
        if canonicalize_name(need.name) not in have
    ]
    assert lacking == []


@pytest.mark.parametrize("package", sorted(locked()))
def test_the_licence_of_every_package_is_one_that_is_allowed(package: str) -> None:
    said = licence_of(package)
    names = re.split(r" (?:AND|OR) ", re.sub(r"[()]", "", said))
    either = " OR " in said and " AND " not in said
    assert (any if either else all)(name in ALLOWED for name in names), f"{package}: {said or 'names no licence'}"


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_and_no_job_may_write_more_than_it_must(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    used = re.findall(r"uses: (\S+)", text)
    assert {one for one in used if not re.search(r"@(v\d+(\.\d+)*|[0-9a-f]{40})$", one)} <= MOVING
    assert yaml.safe_load(text)["permissions"] in ({}, {"contents": "read"})


def test_known_holes_are_looked_for_in_what_is_locked_at_every_change_and_every_week() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "supply-chain.yml").read_text(encoding="utf-8"))
    # YAML reads the key `on` as a truth.
    assert {"push", "pull_request", "schedule"} <= set(workflow[True])
    steps = [step.get("run", "") for step in workflow["jobs"]["audit"]["steps"]]
    assert any("pip-audit" in step and "requirements-locked.txt" in step for step in steps)


def test_a_release_has_its_bill_of_materials() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    [made] = [step for step in steps if "cyclonedx-py" in step]
    bill = re.search(r"--output-file (\S+)", made)
    assert bill is not None
    assert any("gh release create" in step and bill[1] in step for step in steps)
