"""The environment: what is understood, what goes over what, and that no mistake tells a secret."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bot import settings
from bot.cli.program import run
from bot.demo.github.identities import private_key
from bot.settings import Settings, SettingsError, serving_mistakes

PEM = private_key("settings")
EVERYWHERE = "0.0.0.0"  # noqa: S104
VARIABLES = [
    name
    for field in Settings.model_fields
    for name in settings._variables(field)  # every name the program listens to must be absent
]


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours is set, and the folder has no `.env`."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def mistakes(**flags: object) -> list[str]:
    """What is wrong with the environment as it is."""
    with pytest.raises(SettingsError) as caught:
        settings.load(flags)
    return caught.value.mistakes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_APP_ID", "twelve"),
        ("GITHUB_APP_ID", "-1"),
        ("PORT", "99999"),
        ("PORT", "http"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("DATABASE_URL", "mysql://root@localhost/x"),
        ("GITHUB_API_URL", "api.github.com"),
        ("WEBHOOK_PROXY_URL", "smee"),
        ("RETENTION_DAYS", "0"),
        ("EXCERPT_DAYS", "soon"),
        ("COPILOT_START_MINUTES", "0"),
        ("PIPELINE_LEASE_SECONDS", "0"),
        ("PIPELINE_WRITES_PER_MINUTE", "0"),
        ("PIPELINE_ALLOW_EPHEMERAL", "perhaps"),
        ("GITHUB_PRIVATE_KEY_PATH", "/nowhere/key.pem"),
    ],
)
def test_an_unusable_value_is_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    if name == "GITHUB_PRIVATE_KEY_PATH":
        monkeypatch.setenv("GITHUB_APP_ID", "1")
    monkeypatch.setenv(name, value)
    if name == "GITHUB_APP_ID":
        monkeypatch.setenv("GITHUB_PRIVATE_KEY", PEM)
    assert run(["serve"]) == 2
    said = capsys.readouterr()
    [line] = said.err.splitlines()
    assert name in line
    assert said.out == ""


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "http")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    assert {line.split(":")[0] for line in mistakes()} == {"PORT", "LOG_LEVEL"}


SECRET = "hunter2-hunter2-hunter2"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_PRIVATE_KEY", SECRET),
        ("GITHUB_PRIVATE_KEY", f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----"),
        ("GITHUB_TOKEN", SECRET),
        ("WEBHOOK_SECRET", SECRET),
        ("WEBHOOK_SECRET_PREVIOUS", SECRET),
        ("COPILOT_TOKEN", SECRET),
        ("DATABASE_URL", f"mysql://root:{SECRET}@localhost/x"),
        ("DATABASE_URL", f"postgresql://root:{SECRET}@local host:port/x"),
    ],
)
def test_no_secret_is_ever_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    # An App without a usable key, so that every one of these environments is refused.
    monkeypatch.setenv("GITHUB_APP_ID", "1")
    monkeypatch.setenv("PORT", "0")
    monkeypatch.setenv(name, value)
    if name == "DATABASE_URL":
        monkeypatch.setenv("GITHUB_PRIVATE_KEY", PEM)
        monkeypatch.setenv("WEBHOOK_SECRET", "x")
    assert run(["serve"]) in {1, 2}
    said = capsys.readouterr()
    assert SECRET not in said.err + said.out
    assert said.err


@pytest.mark.parametrize("name", ["GITHUB_PRIVATE_KEY", "GITHUB_TOKEN", "WEBHOOK_SECRET", "COPILOT_TOKEN"])
def test_a_secret_is_not_in_what_a_settings_object_shows(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, SECRET)
    assert SECRET not in repr(Settings(_env_file=None))  # type: ignore[call-arg]


def test_a_flag_goes_over_the_environment_that_over_the_file_that_over_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert settings.load().port == 8000
    (tmp_path / ".env").write_text("PORT=1001\nHOST=127.0.0.2\n")
    assert settings.load().port == 1001
    monkeypatch.setenv("PORT", "1002")
    assert settings.load().port == 1002
    assert settings.load({"port": 1003}).port == 1003
    assert settings.load({"port": None}).host == "127.0.0.2"


def test_an_empty_variable_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "")
    monkeypatch.setenv("PORT", "")
    assert (settings.load().mode, settings.load().port) == ("none", 8000)


@pytest.mark.parametrize(
    "text",
    [PEM, PEM.replace("\n", "\\n"), f'"{PEM}"', base64.b64encode(PEM.encode()).decode()],
    ids=["as it is", "escaped line ends", "in quotes", "base64"],
)
@pytest.mark.parametrize("name", ["GITHUB_PRIVATE_KEY", "PRIVATE_KEY"])
def test_a_private_key_is_understood_in_every_form(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv("APP_ID" if name == "PRIVATE_KEY" else "GITHUB_APP_ID", "12")
    monkeypatch.setenv(name, text)
    loaded = settings.load()
    assert (loaded.mode, loaded.app_id) == ("app", 12)
    assert (loaded.private_key_pem() or b"").strip() == PEM.strip().encode()


@pytest.mark.parametrize("name", ["GITHUB_PRIVATE_KEY_PATH", "PRIVATE_KEY_PATH"])
def test_a_private_key_is_read_from_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / "key.pem").write_text(PEM)
    monkeypatch.setenv("GITHUB_APP_ID", "12")
    monkeypatch.setenv(name, str(tmp_path / "key.pem"))
    assert (settings.load().private_key_pem() or b"").strip() == PEM.strip().encode()


@pytest.mark.parametrize(
    ("given", "named"),
    [({"GITHUB_APP_ID": "1"}, "GITHUB_PRIVATE_KEY"), ({"GITHUB_PRIVATE_KEY": PEM}, "GITHUB_APP_ID")],
)
def test_half_of_the_credentials_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], named: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    [line] = mistakes()
    assert line.startswith(f"{named}:")


@pytest.mark.parametrize(
    ("given", "api", "web"),
    [
        ({}, "https://api.github.com", "https://github.com"),
        ({"GHE_HOST": "git.example.com"}, "https://git.example.com/api/v3", "https://git.example.com"),
        (
            {"GITHUB_API_URL": "https://git.example.com/api/v3/"},
            "https://git.example.com/api/v3",
            "https://git.example.com",
        ),
    ],
)
def test_the_addresses_of_github(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], api: str, web: str) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    loaded = settings.load()
    assert (loaded.api_url, loaded.web_url) == (api, web)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_without_a_webhook_secret_it_may_listen_on_loopback(host: str) -> None:
    assert serving_mistakes(settings.load({"token": "x", "host": host})) == []


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.168.1.5", "example.com"])
def test_without_a_webhook_secret_it_listens_nowhere_else(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    [line] = serving_mistakes(settings.load({"token": "x", "host": host}))
    assert line.startswith("WEBHOOK_SECRET:")
    assert "127.0.0.1" in line
    assert serving_mistakes(settings.load({"token": "x", "host": host, "webhook_secret": "s"})) == []


def test_without_credentials_it_starts_anywhere() -> None:
    assert serving_mistakes(settings.load({"host": EVERYWHERE})) == []


def test_sqlite_on_a_disk_that_is_thrown_away_is_refused_unless_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYNO", "web.1")
    [line] = serving_mistakes(settings.load())
    assert line.startswith("DATABASE_URL:")
    assert "PIPELINE_ALLOW_EPHEMERAL" in line
    monkeypatch.setenv("PIPELINE_ALLOW_EPHEMERAL", "1")
    assert serving_mistakes(settings.load()) == []
    monkeypatch.delenv("PIPELINE_ALLOW_EPHEMERAL")
    monkeypatch.setenv("DATABASE_URL", "postgres://user:password@host/name")
    assert serving_mistakes(settings.load()) == []
