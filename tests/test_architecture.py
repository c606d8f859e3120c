"""The house's own rules: who may import whom, how large things are, and that its lists agree."""

from __future__ import annotations

import ast
import functools
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import typer.main
import yaml

from bot.cli.program import build
from bot.router import ROUTES

ROOT = Path(__file__).parents[1]
ROOMS = ("bot", "classifiers", "storage")
LARGEST_FILE = 400
LARGEST_FUNCTION = 40
ALWAYS_SENT = {"installation", "installation_repositories"}
"""Events GitHub sends every App; a manifest that lists them is refused."""

IO = (
    "asyncio",
    "aiohttp",
    "aiosqlite",
    "asyncpg",
    "gidgethub",
    "sqlalchemy",
    "alembic",
    "socket",
    "subprocess",
    "time",
)
PURE_BOT = (
    "bot.render",
    "bot.policy",
    "bot.handoff",
    "bot.events",
    "bot.actions",
    "bot.facts",
    "bot.commands.parser",
    "bot.setup.manifest",
    "bot.setup.pages",
    "bot.setup.wrong_turns",
)
FORBIDDEN: Mapping[str, tuple[str, ...]] = {
    "classifiers": ("bot", "storage", "random", "msgspec", *IO),
    "storage": ("bot", "aiohttp", "gidgethub", "typer", "rich"),
    **dict.fromkeys(PURE_BOT, ("bot.github", "bot.perform", "bot.demo", "aiohttp", "gidgethub", "asyncio", "time")),
    "bot.github": ("storage", "bot.policy", "bot.perform", "bot.monitor", "bot.handlers"),
    "bot.perform": ("bot.policy", "bot.monitor", "bot.handlers", "bot.worker", "bot.web"),
    "bot.commands": ("bot.perform", "bot.monitor", "bot.worker", "bot.web", "aiohttp", "gidgethub"),
    "bot.handlers": ("bot.worker", "bot.web", "bot.settings", "aiohttp"),
}
"""Module or package → what it must not import, not even inside a function."""
DEMO_USERS = ("bot.demo", "bot.cli.demo")
ROOT_USERS = ("bot.app", "bot.cli", "bot.demo", "bot.__main__")


def inside(module: str, package: str) -> bool:
    """Whether a module is the package or lies in it."""
    return module == package or module.startswith(f"{package}.")


def name_of(path: Path) -> str:
    """`bot/cli/serve.py` → `bot.cli.serve`; a package goes by its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def trees() -> dict[str, tuple[Path, ast.Module]]:
    """Every module of the program."""
    files = (path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))
    return {name_of(path): (path, ast.parse(path.read_text("utf-8"))) for path in files}


def targets(module: str, node: ast.AST) -> Iterator[str]:
    """What an import statement imports; `from a import b` is `a.b` where that is a module of ours, else `a`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        if node.level:
            raise AssertionError(f"{module} line {node.lineno}: imports are absolute here")
        base = node.module or ""
        for alias in node.names:
            yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in trees() else base


def imports(module: str) -> list[tuple[str, int]]:
    """Everything a module imports, wherever in its text, with the line."""
    tree = trees()[module][1]
    return [(name, node.lineno) for node in ast.walk(tree) for name in targets(module, node)]  # type: ignore[attr-defined]


def at_start(module: str) -> Iterator[str]:
    """What a module imports as it is loaded: not inside functions, not for the type checker alone."""
    waiting: list[ast.AST] = list(trees()[module][1].body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        yield from targets(module, node)
        waiting += ast.iter_child_nodes(node)


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_go_one_way(package: str) -> None:
    wrong = [
        f"{module}:{line} imports {name}"
        for module in trees()
        if inside(module, package)
        for name, line in imports(module)
        if any(inside(name, forbidden) for forbidden in FORBIDDEN[package])
    ]
    assert any(inside(module, package) for module in trees()), f"there is no {package}; mend this test"
    assert wrong == []


def test_nobody_but_the_demo_command_imports_the_demo() -> None:
    assert _users_of("bot.demo", DEMO_USERS) == []


def test_only_the_command_line_knows_the_composition_root() -> None:
    assert _users_of("bot.app", ROOT_USERS) == []


def test_nothing_imports_the_command_line_or_the_tests() -> None:
    assert _users_of("bot.cli", ("bot.cli", "bot.__main__", "bot.demo")) == []
    assert _users_of("tests", ()) == []


def _users_of(package: str, allowed: tuple[str, ...]) -> list[str]:
    return [
        f"{module}:{line} imports {name}"
        for module in trees()
        if not any(inside(module, user) for user in allowed)
        for name, line in imports(module)
        if inside(name, package)
    ]


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {module: {name for name in at_start(module) if name in trees()} for module in trees()}
    assert _circle(graph) == []


def _circle(graph: Mapping[str, set[str]]) -> list[str]:
    """The first circle found, or nothing."""
    done: set[str] = set()

    def walk(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        for name in sorted(graph[module]):
            found = walk(name, [*path, module])
            if found:
                return found
        done.add(module)
        return []

    return next((found for module in sorted(graph) if (found := walk(module, []))), [])


def test_packages_have_empty_init_files() -> None:
    full = [str(path) for room in ROOMS for path in (ROOT / room).rglob("__init__.py") if path.read_text().strip()]
    folders = {path.parent for path, _ in trees().values()}
    assert full == []
    assert [
        str(folder) for folder in folders if not (folder / "__init__.py").exists() and folder.name != "versions"
    ] == []


def test_files_and_functions_stay_small() -> None:
    large = []
    for module, (path, tree) in trees().items():
        if inside(module, "storage.migrations"):
            continue  # each is a list of what it creates, and is never edited again
        lines = len(path.read_text("utf-8").splitlines())
        if lines > LARGEST_FILE:
            large.append(f"{module} has {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or 0) - node.lineno + 1
                if size > LARGEST_FUNCTION:
                    large.append(f"{module}.{node.name} has {size} lines")
    assert large == []


def test_no_file_is_a_drawer_for_anything() -> None:
    drawers = {"util", "utils", "helper", "helpers", "manager", "base", "common", "misc"}
    assert [module for module in trees() if drawers & set(module.split("."))] == []


def test_every_file_is_typed_in_todays_words() -> None:
    missing = [
        module
        for module, (path, tree) in trees().items()
        if tree.body and "from __future__ import annotations" not in path.read_text("utf-8")
    ]
    assert missing == []


def test_the_manifest_asks_for_every_event_that_is_handled() -> None:
    manifest = yaml.safe_load((ROOT / "app.yml").read_text("utf-8"))
    events = set(manifest["default_events"])
    assert {route.event for route in ROUTES} - ALWAYS_SENT <= events
    assert not ALWAYS_SENT & events


def test_each_permission_of_the_manifest_has_its_reason() -> None:
    text = (ROOT / "app.yml").read_text("utf-8")
    permissions = yaml.safe_load(text)["default_permissions"]
    for name, level in permissions.items():
        assert re.search(rf"^  {name}: {level} +# \S.{{10,}}$", text, re.MULTILINE), f"{name} has no reason beside it"


def test_each_command_of_the_procfile_is_one_the_program_knows() -> None:
    lines = [line for line in (ROOT / "Procfile").read_text("utf-8").splitlines() if line.strip()]
    assert {line.partition(":")[0] for line in lines} == {"release", "web", "worker"}
    for line in lines:
        program, *arguments = shlex.split(line.partition(":")[2])
        assert program == "pipeline"
        _parse(arguments)


def _parse(arguments: list[str]) -> None:
    """Read a call's arguments down to the command that would run, without running it; raises on what is unknown."""
    command = typer.main.get_command(build())
    parent = None
    while True:
        context = command.make_context(command.name, list(arguments), parent=parent)
        if not hasattr(command, "resolve_command"):
            return
        _, command, arguments = command.resolve_command(context, [*context._protected_args, *context.args])
        parent = context
