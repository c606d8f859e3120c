"""The files for platforms agree with the program: commands, variables, ports, paths; and what they start does start."""

from __future__ import annotations

import asyncio
import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import AliasChoices

from bot.settings import Settings
from storage.locations import SqliteFile, parse_url
from tests.calls import parsed
from tests.end_to_end.processes import PATIENCE, Outside, buried, outside
from tests.postgres import Postgres

ROOT = Path(__file__).resolve().parents[1]
CONTAINERFILE = (ROOT / "Containerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yml").read_text(encoding="utf-8"))
RENDER: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "render.yaml").read_text(encoding="utf-8"))
FLY: dict[str, Any] = tomllib.loads((ROOT / "deploy" / "fly.toml").read_text(encoding="utf-8"))
UNIT_FILE = ROOT / "deploy" / "pipeline-monitor.service"
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text(encoding="utf-8").splitlines())
OURS = ("web", "worker")


def instructions(keyword: str) -> list[str]:
    """What follows a keyword of the Containerfile, continued lines joined, in order."""
    joined = CONTAINERFILE.replace("\\\n", " ")
    return re.findall(rf"^{keyword} (.*)$", joined, re.MULTILINE)


def environment() -> dict[str, str]:
    """The variables that the container sets."""
    return dict(pair.split("=", 1) for line in instructions("ENV") for pair in shlex.split(line))


def unit() -> configparser.ConfigParser:
    """The systemd unit."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read(UNIT_FILE, encoding="utf-8")
    return parser


def variables() -> set[str]:
    """Every variable that the program reads."""
    names: set[str] = set()
    for info in Settings.model_fields.values():
        alias = info.validation_alias
        names |= {str(one) for one in (alias.choices if isinstance(alias, AliasChoices) else [alias])}
    return names


def test_the_procfile_upgrades_serves_and_works() -> None:
    called = {name: shlex.split(line) for name, line in PROCFILE.items()}
    assert {words[0] for words in called.values()} == {"pipeline"}
    assert {name: parsed(words[1:]) for name, words in called.items()} == {
        "release": "db upgrade",
        "web": "serve",
        "worker": "worker",
    }
    assert "asyncpg" in (ROOT / "pyproject.toml").read_text().split("postgres = ", 1)[1].splitlines()[0]
    assert (ROOT / "requirements.txt").read_text().split() == [".[postgres]"]


async def ready(out: Outside) -> None:
    """Wait until the server says that it can work."""
    async with asyncio.timeout(PATIENCE):
        while True:
            async with out.session.get(f"{out.url}/readyz") as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_what_the_procfile_names_starts_beside_each_other(postgres: Postgres, tmp_path: Path) -> None:
    async with (
        postgres.database(migrated=False) as url,
        outside(tmp_path, url.replace("postgresql://", "postgres://")) as out,
    ):
        release = await out.start(*shlex.split(PROCFILE["release"])[1:], DYNO="release.1")
        assert await release.ended() == 0, release.output
        web = await out.start(*shlex.split(PROCFILE["web"])[1:], DYNO="web.1")
        worker = await out.start(*shlex.split(PROCFILE["worker"])[1:], DYNO="worker.1")
        try:
            await web.said("listening on http://0.0.0.0:")
            await ready(out)
            assert worker.alive
        finally:
            await buried([web, worker])


def test_the_container_runs_as_nobody_and_writes_to_its_volume_alone() -> None:
    assert instructions("USER") == ["10001:10001"]
    [volume] = instructions("VOLUME")
    location = parse_url(environment()["DATABASE_URL"])
    assert isinstance(location, SqliteFile)
    assert location.path.parent == Path(volume)
    # `.env` of the set-up page goes to the working folder.
    assert instructions("WORKDIR")[-1] == volume
    assert any(f"-o 10001 -g 10001 -m 0700 {volume}" in line for line in instructions("RUN"))


def test_the_container_sets_what_the_program_reads() -> None:
    own = {name for name in environment() if not name.startswith("PYTHON") and name != "PATH"}
    assert own <= variables()
    assert environment()["PORT"] == instructions("EXPOSE")[0] == str(Settings.model_fields["port"].default)
    [entry], [command] = (json.loads(*instructions(word)) for word in ("ENTRYPOINT", "CMD"))
    assert entry == "pipeline"
    assert parsed([command]) == "serve"


def test_the_container_gets_every_file_that_the_wheel_is_made_of() -> None:
    copied = {name for line in instructions("COPY") if not line.startswith("--from") for name in line.split()[:-1]}
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*wheel["packages"], *wheel["force-include"], "pyproject.toml", "README.md"} <= copied
    for name in (".containerignore", ".dockerignore"):
        kept = {line[1:] for line in (ROOT / name).read_text().splitlines() if line.startswith("!")}
        assert copied == kept


async def test_the_containers_health_check_tells_a_server_from_none(tmp_path: Path) -> None:
    [check] = instructions("HEALTHCHECK")
    program, *arguments = json.loads(check.split(" CMD ", 1)[1])
    assert program == "python"

    async with outside(tmp_path, "sqlite:///pipeline.db") as out:

        def healthy() -> int:
            environment = {"PORT": out.environment["PORT"]}
            return subprocess.run(
                [sys.executable, *arguments], env=environment, capture_output=True, check=False
            ).returncode

        assert healthy() != 0
        server = await out.serve(HOST=environment()["HOST"])
        try:
            assert healthy() == 0
        finally:
            await buried([server])


def test_compose_starts_the_program_over_its_own_database() -> None:
    services = COMPOSE["services"]
    assert (ROOT / services["web"]["build"]["dockerfile"]).is_file()
    assert [parsed(services[name]["command"]) for name in OURS] == ["serve", "worker"]
    database = services["database"]["environment"]
    for name in OURS:
        given = services[name]["environment"]
        assert set(given) <= variables()
        user, rest = given["DATABASE_URL"].removeprefix("postgresql://").split(":", 1)
        assert (user, rest.rsplit("/", 1)[1]) == (database["POSTGRES_USER"], database["POSTGRES_DB"])
        assert "@database:5432/" in rest
        assert services[name]["image"] == services["web"]["image"]
    assert services["web"]["ports"][0].rsplit(":", 1)[1] == environment()["PORT"]
    assert services["web"]["depends_on"] == {"database": {"condition": "service_healthy"}}


def test_compose_gives_the_program_nothing_that_it_does_not_need() -> None:
    for name in OURS:
        service = COMPOSE["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert COMPOSE["services"]["web"]["ports"][0].startswith("127.0.0.1:")
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "compose.yml").read_text()))
    assert asked == {"POSTGRES_PASSWORD", "GITHUB_APP_ID", "GITHUB_PRIVATE_KEY", "WEBHOOK_SECRET"}
    assert "${" not in re.sub(r"\$\{[A-Z_]+:\?", "", (ROOT / "compose.yml").read_text())


def test_the_unit_calls_the_program_where_it_may_write() -> None:
    service = unit()["Service"]
    program, *arguments = shlex.split(service["ExecStart"])
    assert program.endswith("/bin/pipeline")
    assert parsed(arguments) == "serve"
    name, url = service["Environment"].split("=", 1)
    assert name in variables()
    location = parse_url(url)
    assert isinstance(location, SqliteFile)
    folder = f"/var/lib/{service['StateDirectory']}"
    assert (str(location.path.parent), service["WorkingDirectory"]) == (folder, folder)
    # Exit code 2 means that the settings cannot be used (docs/commands.md).
    assert service["RestartPreventExitStatus"] == "2"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    program = tmp_path / "pipeline"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / UNIT_FILE.name
    copy.write_text(UNIT_FILE.read_text().replace(shlex.split(unit()["Service"]["ExecStart"])[0], str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_render_and_fly_ask_the_ports_and_pages_that_there_are() -> None:
    [service] = RENDER["services"]
    assert (ROOT / service["dockerfilePath"]).is_file()
    assert {entry["key"] for entry in service["envVars"]} <= variables()
    assert service["envVars"][0]["fromDatabase"]["name"] == RENDER["databases"][0]["name"]
    assert (ROOT / FLY["build"]["dockerfile"]).is_file()
    assert str(FLY["http_service"]["internal_port"]) == environment()["PORT"]
    pages = {service["healthCheckPath"], FLY["http_service"]["checks"][0]["path"]}
    # The container's own check asks the same page, and is tried on a real server above.
    assert pages == {"/healthz"}
    assert "/healthz" in instructions("HEALTHCHECK")[0]
