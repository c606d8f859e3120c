"""Records the demo's logs again: runs small broken projects and writes what Actions would have kept.

`python -m tests.tools.record_demo_logs [NAME…]`. The tools' output is real, with its real pace; what the
runner puts around it follows the runner's source. A scenario whose tool is missing is told and left as it is.
"""

from __future__ import annotations

import json
import os
import platform
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.tools.scenarios import SCENARIOS, Scenario

LOGS = Path(__file__).resolve().parents[2] / "bot" / "demo" / "logs"
WORKSPACE = "/home/runner/work/app/app"
TOOLCACHE = f"/opt/hostedtoolcache/Python/{platform.python_version()}/x64"
TOOLS = ("pytest", "ruff")
"""Installed into a fresh environment, so that a log shows nothing of the one the recorder runs in."""
KEPT_VARIABLES = ("PIP_CERT", "PIP_INDEX_URL", "HTTPS_PROXY", "https_proxy", "NODE_EXTRA_CA_CERTS")
BASE = datetime(2026, 11, 24, 9, 15, 2, tzinfo=UTC).timestamp()
LARGEST = 40_000
SET_UP_PAUSE = 0.0213
CHECKOUT = "actions/checkout@v4"
NOISE = ("Looking in indexes:", "Looking in links:", "[notice] ", "npm notice", "WARNING: Location ")
"""Lines that tell of this machine or of the day, not of the failure."""

SET_UP = f"""\
Current runner version: '2.336.0'
##[group]Runner Image Provisioner
Hosted Compute Agent
Version: 20261016.436
##[endgroup]
##[group]Operating System
Ubuntu
24.04.3
LTS
##[endgroup]
##[group]Runner Image
Image: ubuntu-24.04
Version: 20261103.1.0
##[endgroup]
##[group]GITHUB_TOKEN Permissions
Contents: read
Metadata: read
##[endgroup]
Secret source: Actions
Prepare workflow directory
Prepare all required actions
Getting action download info
Download action repository '{CHECKOUT}' (SHA:34e114876b0b11c390a56381ad16ebd13914f8d5)"""

CHECK_OUT = f"""\
##[group]Run {CHECKOUT}
with:
  repository: octo/app
  token: ***
  fetch-depth: 1
##[endgroup]
Syncing repository: octo/app
##[group]Getting Git version info
Working directory is '{WORKSPACE}'
[command]/usr/bin/git version
git version 2.51.2
##[endgroup]
[command]/usr/bin/git -c protocol.version=2 fetch --no-tags --prune --no-recurse-submodules --depth=1 origin
[command]/usr/bin/git log -1 --format=%H"""

CLEAN_UP = """\
Post job cleanup.
[command]/usr/bin/git version
git version 2.51.2
[command]/usr/bin/git config --local --unset-all http.https://github.com/.extraheader"""


@dataclass
class Writer:
    """The lines of one job log with their times, and the steps they belong to."""

    now: float = BASE
    lines: list[str] = field(default_factory=list)
    steps: list[dict[str, object]] = field(default_factory=list)

    def say(self, text: str, pause: float = 0.0007351) -> None:
        for line in text.split("\n"):
            self.now += pause
            seconds, ticks = divmod(round(self.now * 10**7), 10**7)
            stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self.lines.append(f"{stamp}.{ticks:07d}Z {line}")

    def step(self, name: str, conclusion: str, start: float, number: int = 0) -> None:
        self.steps.append(
            {
                "name": name,
                "number": number or len(self.steps) + 1,
                "conclusion": conclusion,
                "start": round(start - BASE, 3),
                "end": round(self.now - BASE, 3),
            }
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step runs: the project's folder and the Python environment with the tools."""

    folder: str
    prefix: str


def record(scenario: Scenario, prefix: str) -> tuple[bytes, dict[str, object]]:
    """The log of a scenario and the facts about its job."""
    writer = Writer(now=BASE - SET_UP_PAUSE)
    writer.say(SET_UP, SET_UP_PAUSE)
    writer.say("Complete job name: " + scenario.name.partition("-")[0])
    writer.step("Set up job", "success", BASE)
    start = writer.now
    writer.say(CHECK_OUT, 0.0613)
    writer.step(f"Run {CHECKOUT}", "success", start)
    with tempfile.TemporaryDirectory() as folder:
        for path, content in scenario.files.items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
        for index, (name, command) in enumerate(scenario.steps):
            outcome = _run_step(writer, scenario, (name, command), Place(folder, prefix))
            if (outcome == "success") != (index < len(scenario.steps) - 1):
                raise SystemExit(f"{scenario.name}: step {name!r} ended as {outcome}\n" + "\n".join(writer.lines))
    return _finish(writer, scenario)


def _run_step(writer: Writer, scenario: Scenario, step: tuple[str, str], place: Place) -> str:
    name, command = step
    start = writer.now
    writer.say(f"##[group]Run {command}\n\x1b[36;1m{command}\x1b[0m\nshell: /usr/bin/bash -e {{0}}\n##[endgroup]")
    code = 0
    last = 0.0
    for elapsed, line in _output(command, place, scenario.cut_after):
        if isinstance(line, int):
            code = line
        else:
            writer.say(_neutral(line, place), max(0.0, elapsed - last))
            last = elapsed
    if scenario.cut_after:
        writer.now = start + scenario.limit_minutes * 60
        writer.say("##[error]The operation was canceled.")
        outcome = "cancelled"
    elif code:
        writer.say(f"##[error]Process completed with exit code {code}.")
        outcome = "failure"
    else:
        outcome = "success"
    writer.step(name, outcome, start)
    return outcome


def _environment(place: Place) -> dict[str, str]:
    return {
        "PATH": f"{place.prefix}/bin{os.pathsep}{os.environ['PATH']}",
        "HOME": place.prefix,
        "CI": "true",
        "PYTHONPATH": place.folder,
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        **{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
    }


def _output(command: str, place: Place, cut_after: float) -> Iterator[tuple[float, str | int]]:
    """The lines of a command with the seconds since its start; at last its exit code."""
    started = time.monotonic()
    process = subprocess.Popen(
        ["bash", "-e", "-c", command],
        cwd=place.folder,
        env=_environment(place),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    pipe = process.stdout
    if pipe is None:
        raise RuntimeError("the command has no output to read")
    pending = b""
    while True:
        left = cut_after - (time.monotonic() - started) if cut_after else None
        if left is not None and left <= 0:
            os.killpg(process.pid, signal.SIGKILL)
            break
        if not select.select([pipe], [], [], left)[0]:
            continue
        chunk = os.read(pipe.fileno(), 65536)
        if not chunk:
            break
        *whole, pending = (pending + chunk).split(b"\n")
        for line in whole:
            yield time.monotonic() - started, line.decode(errors="replace")
    if pending:
        yield time.monotonic() - started, pending.decode(errors="replace")
    yield time.monotonic() - started, process.wait()


def _neutral(line: str, place: Place) -> str:
    for real in (str(Path(place.folder).resolve()), place.folder):
        line = line.replace(real, WORKSPACE)
    return line.replace(place.prefix, TOOLCACHE)


def _finish(writer: Writer, scenario: Scenario) -> tuple[bytes, dict[str, object]]:
    broken = writer.steps[-1]["conclusion"]
    error = writer.lines[-1].partition("##[error]")[2]
    start = writer.now
    writer.say(CLEAN_UP, 0.0913)
    writer.step(f"Post Run {CHECKOUT}", "success", start, number=len(writer.steps) * 2)
    start = writer.now
    writer.say("Cleaning up orphan processes")
    last = writer.steps[-1]["number"]
    writer.step("Complete job", "success", start, number=(last if isinstance(last, int) else 0) + 1)
    annotations = [error]
    if scenario.limit_minutes:
        limit = f"{scenario.limit_minutes}m0s"
        annotations.insert(0, f"The job has exceeded the maximum execution time of {limit}")
    facts: dict[str, object] = {
        "conclusion": broken,
        "seconds": round(writer.now - BASE, 3),
        "annotations": annotations,
        "steps": writer.steps,
    }
    kept = [line for line in writer.lines if not any(noise in line for noise in NOISE)]
    return ("\ufeff" + "\n".join(kept) + "\n").encode(), facts


def _found(tool: str, prefix: str) -> str | None:
    return shutil.which(tool, path=f"{prefix}/bin{os.pathsep}{os.environ['PATH']}")


def check(name: str, log: bytes) -> None:
    """Nothing of this machine may be in a log that is shipped."""
    text = log.decode()
    telling = [sys.prefix, sys.base_prefix, tempfile.gettempdir() + "/", str(LOGS.parents[2]), os.uname().nodename]
    found = [word for word in telling if word in text and word not in ("/usr", "localhost")]
    if found or len(log) > LARGEST:
        raise SystemExit(f"{name}: {len(log)} bytes, must not contain {found}")


def main(wanted: list[str]) -> None:
    """Record the named scenarios, or all."""
    LOGS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as prefix:
        venv.create(prefix, with_pip=True)
        subprocess.run([f"{prefix}/bin/python", "-m", "pip", "install", "--quiet", *TOOLS], check=True)
        _record_all([one for one in SCENARIOS if not wanted or one.name in wanted], prefix)


def _record_all(scenarios: list[Scenario], prefix: str) -> None:
    for scenario in scenarios:
        missing = [tool for _, line in scenario.steps if not _found(tool := shlex.split(line)[0], prefix)]
        if missing:
            print(f"{scenario.name}: not recorded, {', '.join(missing)} is not installed")
            continue
        log, facts = record(scenario, prefix)
        check(scenario.name, log)
        (LOGS / f"{scenario.name}.log").write_bytes(log)
        (LOGS / f"{scenario.name}.json").write_text(json.dumps(facts, indent=2) + "\n")
        print(f"{scenario.name}: {len(log)} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
