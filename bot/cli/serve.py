"""`pipeline serve` and `pipeline worker`."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.output import Failed, load_settings, note, run_async

if TYPE_CHECKING:
    from bot.settings import Settings
    from bot.setup.flow import Setup


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (HOST; default 127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (PORT; default 8000).")] = None,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Only take deliveries; workers run elsewhere.")
    ] = False,
) -> None:
    """Web server and worker in one process."""
    settings = _usable(load_settings(host=host, port=port))
    setup = None if settings.mode != "none" else _setup(settings, lambda: _reloaded(host=host, port=port))
    run_async(_run(settings, with_web=True, with_worker=not no_worker, setup=setup))


def worker() -> None:
    """Worker alone, for several processes over one PostgreSQL."""
    settings = _usable(load_settings())
    if settings.mode == "none":
        raise Failed("no credentials: set GITHUB_APP_ID and GITHUB_PRIVATE_KEY, or GITHUB_TOKEN", 2)
    run_async(_run(settings, with_web=False, with_worker=True))


def _setup(settings: Settings, reload: Callable[[], Settings]) -> Setup:
    from bot.github.inspection import convert_once
    from bot.setup.flow import Setup

    return Setup(
        settings, convert=lambda code: convert_once(settings.api_url, code), reload=reload, env_path=Path(".env")
    )


def _reloaded(**flags: object) -> Settings:
    from bot.settings import SettingsError, load, serving_mistakes

    settings = load(flags)
    if mistakes := serving_mistakes(settings):
        raise SettingsError(mistakes)
    return settings


def _usable(settings: Settings) -> Settings:
    from bot.settings import serving_mistakes

    mistakes = serving_mistakes(settings)
    if mistakes:
        raise Failed("\n".join(mistakes), 2)
    return settings


async def _run(settings: Settings, *, with_web: bool, with_worker: bool, setup: Setup | None = None) -> None:
    import asyncio

    from bot import app, logs
    from bot.listening import Listening
    from bot.telemetry import sentry
    from bot.token_config import TokenConfigError
    from storage.errors import StorageError

    logs.configure(settings.log_level, settings.log_format, settings.own_secrets)
    if report := sentry.started(logs.Masks(settings.own_secrets).text):
        logs.configure(settings.log_level, settings.log_format, settings.own_secrets, on_error=report)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        with Listening(settings.host, settings.port) as listening:
            while True:
                async with app.assembled(settings, setup=setup) as parts:
                    await app.run(
                        parts,
                        with_web=with_web,
                        with_worker=with_worker,
                        stop=stop,
                        on_listening=partial(_tell, setup),
                        listening=listening,
                    )
                if setup is None or not setup.done.is_set() or stop.is_set():
                    return
                note("pipeline: set up; working as the GitHub App from now on")
                settings, setup = setup.settings, None
    except (StorageError, TokenConfigError) as error:
        raise Failed(str(error)) from error
    except OSError as error:
        raise Failed(_os_error(settings, error)) from error


def _tell(setup: Setup | None, address: str) -> None:
    from bot.settings import is_loopback

    note(f"pipeline: listening on {address}")
    if setup is None:
        return
    own = address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    note(f"pipeline: no credentials yet; open this one-time link to create the GitHub App:\n{own}/?setup={setup.token}")
    if not is_loopback(setup.settings.host):
        note("pipeline: from another machine, put this server's own address in place of the link's")


def _os_error(settings: Settings, error: OSError) -> str:
    if error.filename:
        return f"{error.filename}: {error.strerror}"
    return f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; choose another with --port or PORT"
