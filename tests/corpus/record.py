"""Records the corpus again: `python -m tests.corpus.record [NAME…]` runs the tools on small broken projects.

The output is the tools' own; what the runner puts around it follows the runner's source. Tools are taken from PATH
(and from `NODE_TOOLS`, a folder with a `node_modules`); a scenario whose tool is missing is told and left as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LOGS = HERE / "logs"
WORKSPACE = "/home/runner/work/app/app"
BASE = datetime(2026, 11, 24, 9, 15, 2, 123456, tzinfo=UTC)
LIMIT_SECONDS = 120
LARGEST = 60_000


def scenarios() -> list[dict[str, Any]]:
    """All scenarios, as they stand in `scenarios.toml`."""
    with (HERE / "scenarios.toml").open("rb") as file:
        found: list[dict[str, Any]] = tomllib.load(file)["scenario"]
    return found


def record(scenario: dict[str, Any]) -> str | None:
    """Runs one scenario and returns its log, or None where it did not fail or its tool is missing."""
    code, log = run_once(scenario)
    tool = scenario["command"].split()[0]
    if code == 0 or (shutil.which(tool) is None and scenario["name"] not in ("command-not-found", "permission-denied")):
        return None
    return log


def run_once(scenario: dict[str, Any]) -> tuple[int, str]:
    """Runs one scenario, however it ends: its exit code and its log."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "app")
        place.mkdir()
        for name, text in scenario.get("files", {}).items():
            file = place / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.lstrip("\n"), encoding="utf-8")
        if scenario.get("node"):
            (place / "node_modules").symlink_to(Path(os.environ.get("NODE_TOOLS", "."), "node_modules").resolve())
        code, output = _run(scenario["command"], place)
    output = output.replace(str(Path(os.environ.get("NODE_TOOLS", ".")).resolve()), WORKSPACE)
    return code, _log(scenario["command"], output.replace(str(place), WORKSPACE).replace(folder, "/tmp/x"), code)


def _run(command: str, place: Path) -> tuple[int, str]:
    kept = {**os.environ, "CI": "true", "GITHUB_ACTIONS": "true", "HOME": str(place.parent)}
    for name in ("RUSTUP_HOME", "CARGO_HOME"):
        kept.setdefault(name, str(Path.home() / f".{name.split('_')[0].lower()}"))
    script = place.parent / "script.sh"
    script.write_text(command + "\n", encoding="utf-8")
    done = subprocess.run(
        ["bash", "-e", str(script)],
        cwd=place,
        env=kept,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")[-LARGEST:]


def _log(command: str, output: str, code: int) -> str:
    shown = f"##[group]Run {command}\n\x1b[36;1m{command}\x1b[0m\nshell: /usr/bin/bash -e {{0}}\n##[endgroup]"
    text = f"Complete job name: job\n{shown}\n{output.rstrip()}"
    if code:
        text += f"\n##[error]Process completed with exit code {code}."
    lines = []
    for number, line in enumerate(text.split("\n")):
        stamp = (BASE + timedelta(milliseconds=7 * number)).strftime("%Y-%m-%dT%H:%M:%S.%f")
        lines.append(f"{stamp}0Z {line}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Records all scenarios, or those named."""
    LOGS.mkdir(exist_ok=True)
    for scenario in scenarios():
        if len(sys.argv) > 1 and scenario["name"] not in sys.argv[1:]:
            continue
        log = record(scenario)
        if log is None:
            sys.stderr.write(f"{scenario['name']}: did not fail here, left as it is\n")
        else:
            (LOGS / f"{scenario['name']}.log").write_text(log, encoding="utf-8")


if __name__ == "__main__":
    main()
