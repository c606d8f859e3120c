"""`pipeline serve` and `pipeline worker`."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from bot.cli.output import Failed, load_settings, note, run_async
from bot.settings import Settings, serving_mistakes


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (HOST; default 127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (PORT; default 8000).")] = None,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Only take deliveries; workers run elsewhere.")
    ] = False,
) -> None:
    """Web server and worker in one process."""
    settings = _usable(load_settings(host=host, port=port))
    run_async(_run(settings, with_web=True, with_worker=not no_worker))


def worker() -> None:
    """Worker alone, for several processes over one PostgreSQL."""
    settings = _usable(load_settings())
    if settings.mode == "none":
        raise Failed("no credentials: set GITHUB_APP_ID and GITHUB_PRIVATE_KEY, or GITHUB_TOKEN", 2)
    run_async(_run(settings, with_web=False, with_worker=True))


def _usable(settings: Settings) -> Settings:
    mistakes = serving_mistakes(settings)
    if mistakes:
        raise Failed("\n".join(mistakes), 2)
    return settings


async def _run(settings: Settings, *, with_web: bool, with_worker: bool) -> None:
    from bot import app, logs
    from bot.token_config import TokenConfigError
    from storage.errors import StorageError

    logs.configure(settings.log_level, settings.log_format)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with app.assembled(settings) as parts:
            await app.run(
                parts,
                with_web=with_web,
                with_worker=with_worker,
                stop=stop,
                on_listening=lambda address: note(f"pipeline: listening on {address}"),
            )
    except (StorageError, TokenConfigError) as error:
        raise Failed(str(error)) from error
    except OSError as error:
        raise Failed(_os_error(settings, error)) from error


def _os_error(settings: Settings, error: OSError) -> str:
    if error.filename:
        return f"{error.filename}: {error.strerror}"
    return f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; choose another with --port or PORT"
