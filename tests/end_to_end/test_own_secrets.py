"""Tokens, the key and the webhook's secret stay in memory, however badly everything goes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.demo import deliveries
from tests.end_to_end.processes import Outside, outside
from tests.end_to_end.world import PYTEST_LOG, REPO, SECRET

pytestmark = pytest.mark.slow

COPILOT = "github_pat_" + "11ABCDEFG0" * 8
ROUTES = (
    "GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs",
    "GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs",
    "POST /repos/{owner}/{repo}/check-runs",
    "POST /repos/{owner}/{repo}/issues",
    "POST /app/installations/{installation_id}/access_tokens",
)


def spoil(around: Outside) -> None:
    """Everything the program asks fails in another way each time, refusals of its credentials among them."""
    faults = around.github.faults
    for route in ROUTES:
        faults.reset(route)
        faults.garbage(route)
        faults.truncated(route)
        around.github.fail_next(route, 401)
        around.github.fail_next(route, 500)


def database_of(folder: Path) -> bytes:
    """The database's files, with what was not yet moved from the log into it."""
    return b"".join(path.read_bytes() for path in folder.glob("pipeline.db*") if path.is_file())


def secrets_of(around: Outside) -> dict[str, str]:
    """What must not be seen, each with a piece long enough to be no chance."""
    key = Path(around.environment["GITHUB_PRIVATE_KEY_PATH"]).read_text().split("\n")
    found = {"webhook secret": SECRET, "private key": key[2], "copilot token": COPILOT}
    for number, token in enumerate(around.state.tokens):
        found[f"token {number}"] = token[-40:]
    return found


async def test_no_secret_of_the_programs_own_is_logged_stored_or_served(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    async with outside(tmp_path, url) as around:
        changes = {"LOG_LEVEL": "debug", "LOG_FORMAT": "json", "COPILOT_TOKEN": COPILOT}
        server = await around.start("--debug", "serve", **changes)
        await server.said("listening on")
        try:
            spoil(around)
            for _ in range(4):
                run = around.state.add_run(REPO)
                around.state.add_job(run, log=PYTEST_LOG)
                assert await around.send(deliveries.workflow_run(around.state, run)) == 202
            await server.said("put back")
            pages = ""
            for path in ("/", "/metrics", "/readyz", "/healthz"):
                async with around.session.get(around.url + path) as answer:
                    pages += await answer.text()
        finally:
            if server.alive:
                server.kill()
                await server.ended()
        stored = database_of(tmp_path)
        wanted = secrets_of(around)
        assert len(wanted) > 3
        for name, secret in wanted.items():
            assert secret not in server.output, name
            assert secret not in pages, name
            assert secret.encode() not in stored, name
        assert not re.search(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}", server.output)
        assert len(server.output) > 1_000


async def test_a_bad_key_or_database_is_told_without_repeating_it(tmp_path: Path) -> None:
    async with outside(tmp_path, "postgresql://pipeline:hunter2-horse@127.0.0.1:1/none") as around:
        for arguments in (("serve",), ("--debug", "serve"), ("worker",)):
            program = await around.start(*arguments)
            assert await program.ended() == 1
            assert "hunter2-horse" not in program.output
        key = "-----BEGIN PRIVATE KEY-----\nMIIEsecretsecretsecret\n-----END PRIVATE KEY-----"
        program = await around.start("serve", GITHUB_PRIVATE_KEY=key, GITHUB_PRIVATE_KEY_PATH="")
        assert await program.ended() == 2
        assert "MIIEsecret" not in program.output
