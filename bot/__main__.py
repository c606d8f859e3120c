"""The `pipeline` program; `python -m bot` is the same. Every Python since 3.7 reads this, to say if it is too old."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.version_info < (3, 11):  # noqa: UP036  # `python -m bot` in a checkout asks nobody which Python it is
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"pipeline: needs Python 3.11 or newer, and this is {found}; make the environment with python3.11")
    try:
        from bot.cli.program import run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in ("bot", "storage", "classifiers"):
            raise
        sys.exit(f"pipeline: {error.name} is not installed here; run .venv/bin/pipeline, or `pip install .` first")
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
