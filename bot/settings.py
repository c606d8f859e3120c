"""Environment → Settings. Every mistake is told at once, each in a line that names its variable."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

SECRETS = frozenset(
    {"private_key", "token", "webhook_secret", "webhook_secret_previous", "copilot_token", "database_url"}
)


class SettingsError(Exception):
    """The environment cannot be used. `mistakes` are one line each, without any secret value."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


LogLevel = Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_lower)]
LOG_HOSTS = r"^[\sA-Za-z0-9.,-]+$"
"""Names of hosts with commas between them; no ports, no schemes, no wildcards."""
LogFormat = Annotated[Literal["text", "json"], BeforeValidator(_lower)]


class Settings(BaseSettings):
    """Everything the process was told from outside; read once, never changed.

    The variables are the contract's environment table; those of a Probot App's `.env` are understood too.
    """

    model_config = SettingsConfigDict(
        env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    app_id: int | None = Field(None, validation_alias=AliasChoices("GITHUB_APP_ID", "APP_ID"), gt=0)
    private_key: SecretStr | None = Field(None, validation_alias=AliasChoices("GITHUB_PRIVATE_KEY", "PRIVATE_KEY"))
    private_key_path: Path | None = Field(
        None, validation_alias=AliasChoices("GITHUB_PRIVATE_KEY_PATH", "PRIVATE_KEY_PATH")
    )
    token: SecretStr | None = Field(None, validation_alias="GITHUB_TOKEN")
    pipeline_config: Path = Field(
        Path(".storyteller/config.json"),
        validation_alias="PIPELINE_CONFIG",
        description="repositories of token mode",
    )
    webhook_secret: SecretStr | None = Field(None, validation_alias="WEBHOOK_SECRET")
    webhook_secret_previous: SecretStr | None = Field(None, validation_alias="WEBHOOK_SECRET_PREVIOUS")
    database_url: str = Field("sqlite:///pipeline.db", validation_alias="DATABASE_URL")
    github_api_url: str | None = Field(None, validation_alias="GITHUB_API_URL")
    ghe_host: str | None = Field(None, validation_alias="GHE_HOST")
    copilot_token: SecretStr | None = Field(None, validation_alias="COPILOT_TOKEN")
    copilot_start_minutes: int = Field(10, validation_alias="COPILOT_START_MINUTES", ge=1, le=1440)
    host: str = Field("127.0.0.1", validation_alias="HOST")
    port: int = Field(8000, validation_alias="PORT", ge=0, le=65535)
    metrics_port: int | None = Field(None, validation_alias="PIPELINE_METRICS_PORT", ge=0, le=65535)
    log_level: LogLevel = Field("info", validation_alias="LOG_LEVEL")
    log_format: LogFormat = Field("text", validation_alias="LOG_FORMAT")
    webhook_proxy_url: str | None = Field(None, validation_alias="WEBHOOK_PROXY_URL")
    retention_days: int = Field(400, validation_alias="RETENTION_DAYS", ge=1, le=36500)
    excerpt_days: int = Field(90, validation_alias="EXCERPT_DAYS", ge=1, le=36500)
    allow_ephemeral: bool = Field(False, validation_alias="PIPELINE_ALLOW_EPHEMERAL")  # noqa: FBT003
    dyno: str | None = Field(None, validation_alias="DYNO")
    lease_seconds: float = Field(60, validation_alias="PIPELINE_LEASE_SECONDS", gt=0.5, le=3600)
    request_seconds: float = Field(75, validation_alias="PIPELINE_REQUEST_SECONDS", ge=0.1, le=3600)
    more_log_hosts: str | None = Field(None, validation_alias="PIPELINE_LOG_HOSTS", pattern=LOG_HOSTS)
    writes_per_minute: int = Field(80, validation_alias="PIPELINE_WRITES_PER_MINUTE", ge=1, le=1_000_000)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags go over the environment, the environment over `.env`."""
        return init_settings, env_settings, dotenv_settings

    @property
    def mode(self) -> Literal["app", "token", "none"]:
        """How the process proves itself to GitHub."""
        if self.app_id is not None:
            return "app"
        return "token" if self.token is not None else "none"

    @property
    def api_url(self) -> str:
        """Root of the REST API without a trailing slash."""
        if self.github_api_url:
            return self.github_api_url.rstrip("/")
        if self.ghe_host:
            return f"https://{self.ghe_host}/api/v3"
        return "https://api.github.com"

    @property
    def web_url(self) -> str:
        """Root of the web interface that belongs to the API, without a trailing slash."""
        parts = urlsplit(self.api_url)
        if parts.netloc == "api.github.com":
            return "https://github.com"
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def log_hosts(self) -> tuple[str, ...]:
        """Hosts that job logs may be read from, besides those that belong to GitHub; each with all below it."""
        return tuple(host.strip(" .").lower() for host in (self.more_log_hosts or "").split(",") if host.strip(" ."))

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """The webhook secrets that count, the current one first."""
        both = (self.webhook_secret, self.webhook_secret_previous)
        return tuple(s.get_secret_value().encode() for s in both if s is not None)

    @property
    def own_secrets(self) -> tuple[str, ...]:
        """Values that must be shown nowhere."""
        kept = (self.token, self.webhook_secret, self.webhook_secret_previous, self.copilot_token, self.private_key)
        password = urlsplit(self.database_url).password or ""
        values = [one.get_secret_value() for one in kept if one is not None]
        return tuple(dict.fromkeys(one for one in (*values, password, unquote(password)) if one))

    def private_key_pem(self) -> bytes | None:
        """The App's key as PEM text, from the variable (raw, `\\n`-escaped or base64) or its file."""
        if self.private_key is not None:
            return _pem(self.private_key.get_secret_value())
        if self.private_key_path is not None:
            return _pem(self.private_key_path.read_text(encoding="utf-8"))
        return None


def load(overrides: Mapping[str, Any] | None = None, *, env_file: Path | None = Path(".env")) -> Settings:
    """Read flags (`overrides`, by field name), the environment and `.env`; raise SettingsError."""
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    try:
        settings = Settings(_env_file=env_file, **given)  # type: ignore[call-arg]
    except ValidationError as error:
        raise SettingsError([_line(mistake) for mistake in error.errors()]) from None
    mistakes = [*_credential_mistakes(settings), *_url_mistakes(settings)]
    if mistakes:
        raise SettingsError(mistakes)
    return settings


def serving_mistakes(settings: Settings) -> list[str]:
    """What forbids `serve` and `worker` with these settings although each value is well formed."""
    mistakes = []
    if settings.mode != "none" and not settings.secrets and not is_loopback(settings.host):
        mistakes.append(
            f"WEBHOOK_SECRET: missing, and HOST={settings.host} can be reached from outside; "
            "set the secret of the webhook, or listen on 127.0.0.1"
        )
    proxy = urlsplit(settings.webhook_proxy_url or "").hostname
    if settings.mode != "none" and not settings.secrets and proxy and not is_loopback(proxy):
        mistakes.append(
            "WEBHOOK_SECRET: missing, and WEBHOOK_PROXY_URL brings deliveries from outside; "
            "set the secret of the webhook, so that nobody else's are taken"
        )
    if settings.dyno and settings.database_url.startswith("sqlite") and not settings.allow_ephemeral:
        mistakes.append(
            "DATABASE_URL: SQLite would be lost here, because this platform throws its disk away (DYNO is set); "
            "set a postgresql:// URL, or PIPELINE_ALLOW_EPHEMERAL=1 if losing the history is fine"
        )
    return mistakes


def is_loopback(host: str) -> bool:
    """True where only this machine can reach a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _pem(text: str) -> bytes:
    text = text.strip().strip("'\"").replace("\\n", "\n")
    if text.startswith("-----BEGIN"):
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return text.encode()


def _line(mistake: Any) -> str:
    """One pydantic error as one line: the variable as the user wrote it, the value unless secret, why."""
    name = str(mistake["loc"][0]) if mistake["loc"] else "environment"
    field = next((f for f in Settings.model_fields if name == f or name in _variables(f)), name)
    variable = next((v for v in _variables(field) if v in os.environ), next(iter(_variables(field)), name))
    value = "" if field in SECRETS else f"{str(mistake.get('input'))[:80]!r} cannot be used: "
    return f"{variable}: {value}{mistake['msg'][:200]}"


def _variables(field: str) -> list[str]:
    info = Settings.model_fields.get(field)
    alias = info.validation_alias if info else None
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [alias] if isinstance(alias, str) else []


def _credential_mistakes(settings: Settings) -> list[str]:
    has_key = settings.private_key is not None or settings.private_key_path is not None
    if settings.app_id is None:
        if has_key:
            return ["GITHUB_APP_ID: missing although a private key is set; it stands on the App's settings page"]
        return []
    if not has_key:
        return ["GITHUB_PRIVATE_KEY: missing; GITHUB_APP_ID needs the App's key here or in GITHUB_PRIVATE_KEY_PATH"]
    return _key_mistakes(settings)


def _key_mistakes(settings: Settings) -> list[str]:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    variable = "GITHUB_PRIVATE_KEY" if settings.private_key is not None else "GITHUB_PRIVATE_KEY_PATH"
    try:
        pem = settings.private_key_pem()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        return [f"{variable}: {settings.private_key_path} cannot be read: {reason}"]
    try:
        load_pem_private_key(pem or b"", password=None)
    except (ValueError, TypeError):
        return [f"{variable}: not a private key in PEM form; download one from the App's settings page"]
    return []


def _url_mistakes(settings: Settings) -> list[str]:
    mistakes = []
    scheme = settings.database_url.split(":", 1)[0]
    if scheme not in {"sqlite", "postgres", "postgresql"}:
        mistakes.append("DATABASE_URL: must begin with sqlite:///, postgres:// or postgresql://")
    for variable, url in (
        ("GITHUB_API_URL", settings.github_api_url),
        ("WEBHOOK_PROXY_URL", settings.webhook_proxy_url),
    ):
        if url is not None and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc):
            mistakes.append(f"{variable}: {url[:80]!r} is not an http(s) address")
    return mistakes
