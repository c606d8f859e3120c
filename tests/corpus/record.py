"""Records the corpus again: `python -m tests.corpus.record [NAME…]` runs the tools on small broken projects.

The output is the tools' own; what the runner puts around it follows the runner's source. Tools are taken from PATH
(and from `NODE_TOOLS`, folders with a `node_modules`, parted by colons); a scenario whose tool is missing is told and
left as it is. `TOOL_FOLDERS` and `HIDDEN_HOSTS` name what of this machine shall not stand in a log. A scenario with
`answers` finds a registry on loopback, at `$SERVER`, that answers so.
"""

from __future__ import annotations

import os
import platform
import re
import signal
import socket
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.corpus.loopback import Loopback

HERE = Path(__file__).parent
LOGS = HERE / "logs"
WORKSPACE = "/home/runner/work/app/app"
BASE = datetime(2026, 11, 24, 9, 15, 2, 123456, tzinfo=UTC)
LIMIT_SECONDS = 90
LARGEST = 60_000
NOT_FOUND = 127
"""What a shell answers where there is no such program; a scenario that is about that says `missing`."""
TOOLS = "/opt/tools"
"""What stands in the logs for the folders in which the tools are installed here."""
SERVER = "127.0.0.1:8080"
COMMANDS = re.compile(r"^::(?P<name>error|warning|notice|debug|group|endgroup)(?: [^\n]*?)?::(?P<text>[^\n]*)$", re.M)
PRIVATE = ("PIP_", "UV_", "NPM_CONFIG_", "npm_config_", "LS_", "SSH_", "GIT_", "TF_", "AWS_", "CLOUDSDK_", "GOOGLE_")
"""Settings of the recording machine that no tool shall see."""


def scenarios() -> list[dict[str, Any]]:
    """All scenarios, as they stand in `scenarios.toml` and the files of `scenarios/`."""
    found: list[dict[str, Any]] = []
    for path in (HERE / "scenarios.toml", *sorted((HERE / "scenarios").glob("*.toml"))):
        found += tomllib.loads(path.read_text(encoding="utf-8"))["scenario"]
    return found


def record(scenario: dict[str, Any]) -> str | None:
    """Runs one scenario and returns its log, or None where it did not fail, did not end, or its tool is missing."""
    code, log = run_once(scenario)
    if code <= 0 or (code == NOT_FOUND and not scenario.get("missing")):
        return None
    return log


def run_once(scenario: dict[str, Any]) -> tuple[int, str]:
    """Runs one scenario, however it ends: its exit code and its log."""
    with tempfile.TemporaryDirectory() as folder, Loopback(scenario.get("answers", [])) as server:
        place = Path(folder, "app")
        place.mkdir()
        for name, text in scenario.get("files", {}).items():
            file = place / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.lstrip("\n"), encoding="utf-8")
            file.chmod(0o755 if name in scenario.get("executable", []) else 0o644)
        if scenario.get("node"):
            (place / "node_modules").symlink_to(_node_modules(scenario["command"]))
        if "prepare" in scenario:
            _run(scenario["prepare"], place, server.url)
        code, output = _run(scenario["command"], place, server.url)
    masked = _masked(
        output.replace(str(place), WORKSPACE).replace(folder, "/tmp/x").replace(server.place, SERVER), server.port
    )
    return code, _log(scenario["command"], masked, code)


def _node_modules(command: str) -> Path:
    places = [Path(place, "node_modules").resolve() for place in os.environ.get("NODE_TOOLS", ".").split(":")]
    tool = re.search(r"npx (\S+)", command)
    holding = [place for place in places if tool and (place / ".bin" / tool[1]).exists()]
    return (holding or places)[0]


def _masked(output: str, port: str) -> str:
    output = re.sub(rf"\b{port}\b", SERVER.partition(":")[2], output).replace(platform.release(), "6.8.0")
    output = re.sub(r"(lookup \S+ on )[\d.]+:53", r"\g<1>127.0.0.53:53", output)
    for place in os.environ.get("NODE_TOOLS", ".").split(":"):
        output = output.replace(str(Path(place).resolve()), WORKSPACE)
    for place in filter(None, os.environ.get("TOOL_FOLDERS", "").split(":")):
        output = output.replace(place, TOOLS)
    for host in filter(None, os.environ.get("HIDDEN_HOSTS", "").split(":")):
        output = re.sub(rf"(?<![\w.-]){re.escape(host)}", "registry.example.org", output)
    return output.replace(socket.gethostname(), "runner-1").replace("/root/", "/home/runner/")


def _run(command: str, place: Path, server: str) -> tuple[int, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PRIVATE)}
    kept |= {"CI": "true", "GITHUB_ACTIONS": "true", "HOME": str(place.parent), "SERVER": server}
    kept["PIP_CONFIG_FILE"] = os.devnull
    for name in ("RUSTUP_HOME", "CARGO_HOME"):
        kept.setdefault(name, str(Path.home() / f".{name.split('_')[0].lower()}"))
    script = place.parent / "script.sh"
    script.write_text(command + "\n", encoding="utf-8")
    # A session of its own: what the script leaves behind holds the pipe open, and ends with it.
    running = subprocess.Popen(
        ["bash", "-e", str(script)],
        cwd=place,
        env=kept,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output = running.communicate(timeout=LIMIT_SECONDS)[0]
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        output = running.communicate()[0]
        sys.stderr.write(f"{place}: ended after {LIMIT_SECONDS} s: {command}\n")
    return running.returncode, output.decode("utf-8", "replace")[-LARGEST:]


def _log(command: str, output: str, code: int) -> str:
    shown = f"##[group]Run {command}\n\x1b[36;1m{command}\x1b[0m\nshell: /usr/bin/bash -e {{0}}\n##[endgroup]"
    text = f"Complete job name: job\n{shown}\n{COMMANDS.sub(_as_shown, output.rstrip())}"
    if code:
        text += f"\n##[error]Process completed with exit code {code}."
    lines = []
    for number, line in enumerate(text.split("\n")):
        stamp = (BASE + timedelta(milliseconds=7 * number)).strftime("%Y-%m-%dT%H:%M:%S.%f")
        lines.append(f"{stamp}0Z {line}")
    return "\n".join(lines) + "\n"


def _as_shown(command: re.Match[str]) -> str:
    """What the runner's log shows for a line that is a command to the runner."""
    return f"##[{command['name']}]{command['text']}"


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
