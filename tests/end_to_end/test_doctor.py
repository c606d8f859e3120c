"""`pipeline doctor` against the stand-in GitHub and real databases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot import settings
from bot.demo import deliveries
from bot.demo.github.server import StandInGitHub
from bot.demo.github.state import GitHubState
from bot.doctor.check import Check
from bot.doctor.examine import examine
from tests.end_to_end.processes import Program
from tests.end_to_end.world import REPO, SECRET, World, opened
from tests.openapi import check_request

pytestmark = pytest.mark.slow

HOOK = "https://pipeline.example.com/webhook"


def app_of(world: World) -> Any:
    [app] = [app for app in world.state.apps.values() if app.private_key_pem]
    app.webhook_url = HOOK
    return app


async def seen(world: World, **changes: Any) -> dict[str, list[Check]]:
    """The checks by name, with the world's own settings but for the changes."""
    given = world.parts.settings.model_dump() | changes
    configured = settings.load({key: value for key, value in given.items() if value is not None}, env_file=None)
    found: dict[str, list[Check]] = {}
    for check in await examine(configured):
        found.setdefault(check.name, []).append(check)
    return found


def status(checks: list[Check]) -> str:
    """The worst of them."""
    return max((check.status for check in checks), key=["ok", "warning", "blocked"].index)


async def test_a_good_installation_is_all_right(world: World, tmp_path: Path) -> None:
    app_of(world)
    await world.fail()
    found = await seen(world)
    names = "credentials clock permissions events installations webhook deliveries disk database migrations durability"
    for name in [*names.split(), "settings", "coding agent", "queue", "dead deliveries", "server", "rate limit"]:
        assert status(found[name]) == "ok", found[name]
    assert f"{HOOK}, signed with a secret" in found["webhook"][0].message


async def test_what_is_wrong_on_github_is_found(world: World) -> None:
    app = app_of(world)
    app.permissions = {**app.permissions, "actions": "read"}
    app.events = ("workflow_run",)
    app.webhook_url = ""
    [installation] = world.state.installations.values()
    world.state.suspend(installation.id)
    world.github.lose(deliveries.workflow_run(world.state, world.run("success")))
    found = await seen(world)
    for name, wanted in {
        "permissions": "warning",
        "events": "warning",
        "webhook": "blocked",
        "installations": "blocked",
        "deliveries": "blocked",
    }.items():
        assert status(found[name]) == wanted, found[name]


async def test_a_key_of_another_app_is_told(world: World) -> None:
    app_of(world)
    other = world.state.create_app(slug="other")
    found = await seen(world, app_id=other.id)
    assert status(found["credentials"]) == "blocked"
    assert "permissions" not in found


async def test_dead_work_is_told_with_its_reason(world: World) -> None:
    app_of(world)
    good = deliveries.workflow_run(world.state, world.run("success"))
    bad = type(good)("workflow_run", {**good.payload, "workflow_run": {"id": "x"}}, good.app_id)
    assert await world.send(bad) == 202
    [reason] = (await world.settled()).values()
    found = await seen(world)
    assert status(found["dead deliveries"]) == "warning"
    assert f"1 × {reason[:40]}" in found["dead deliveries"][0].message


async def test_the_agent_is_asked_about_in_a_known_repository(world: World) -> None:
    app_of(world)
    await world.fail()
    world.state.add_user_token("a-users-token", "ada")
    assert status((await seen(world, copilot_token="a-users-token"))["coding agent"]) == "warning"
    world.state.agent_seats.add("ada")
    [check] = (await seen(world, copilot_token="a-users-token"))["coding agent"]
    assert (check.status, check.message) == ("ok", "ada may assign it")
    assert status((await seen(world, copilot_token="nobodys"))["coding agent"]) == "warning"


async def test_a_token_is_examined_with_its_repositories(database_url: str, tmp_path: Path) -> None:
    state = GitHubState()
    state.add_repository(REPO)
    state.add_user_token("the-users-token", "octo")
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"repositories": {"a": {"name": REPO}, "b": {"name": "octo/gone"}}}))
    async with StandInGitHub(state, on_request=check_request) as github:
        environment = {
            "GITHUB_TOKEN": "the-users-token",
            "GITHUB_API_URL": github.api_url,
            "PIPELINE_CONFIG": str(config),
            "DATABASE_URL": database_url,
            "WEBHOOK_SECRET": SECRET,
        }
        program = await Program.start("doctor", environment=environment, folder=tmp_path)
        code, said = await program.ended(), program.output
    assert code == 0, said
    assert "GitHub knows us as octo" in said
    assert "GitHub gives them to Apps alone" in said
    assert "1 of 2 can be read" in said
    assert "octo/gone: 404" in said
    assert ("PostgreSQL" if database_url.startswith("postgres") else "SQLite") in said
    assert "the-users-token" not in said
    assert SECRET not in said


async def test_without_credentials_it_says_how_to_get_them(tmp_path: Path) -> None:
    program = await Program.start("doctor", "--format", "json", environment={}, folder=tmp_path)
    assert await program.ended() == 1
    told = json.loads(program.output)
    assert told["ok"] is False
    [credentials] = [check for check in told["checks"] if check["name"] == "credentials"]
    assert credentials["status"] == "blocked"
    assert "creates the App" in credentials["remedy"]
    assert not (tmp_path / "pipeline.db").exists()


async def test_unusable_settings_and_a_broken_file_are_told(tmp_path: Path) -> None:
    program = await Program.start("doctor", environment={"PORT": "eighty"}, folder=tmp_path)
    assert (await program.ended(), "BLOCKED  settings: PORT" in program.output) == (1, True)
    (tmp_path / "pipeline.db").write_bytes(b"no database at all" * 500)
    program = await Program.start("doctor", environment={}, folder=tmp_path)
    assert await program.ended() == 1
    assert "BLOCKED  database: pipeline.db: file is not a database" in program.output


async def test_a_server_beside_the_database_is_seen(tmp_path: Path) -> None:
    async with opened(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}") as world:
        app_of(world)
        [check] = (await seen(world))["server"]
        assert (check.status, "answers" in check.message) == ("ok", True)
        [check] = (await seen(world, host="0.0.0.0", webhook_secret=None))["settings"]  # noqa: S104
        assert check.status == "blocked"
