"""What stands under each command's `--help`: calls as people make them. Every one of them is parsed by a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

EXAMPLES: Mapping[str, Sequence[str]] = {
    "serve": ("pipeline serve", "pipeline serve --host 0.0.0.0 --port 8080"),
    "worker": ("DATABASE_URL=postgresql://user:password@host/name pipeline worker",),
    "dashboard": ("pipeline dashboard", "pipeline dashboard --repo octo/app --time-range 7d"),
    "health": ("pipeline health --repo octo/app", "pipeline health --time-range 2w --format json"),
    "patterns": ("pipeline patterns --days 7", "pipeline patterns --repo octo/app --format markdown"),
    "export": ("pipeline export --output week.json", "pipeline export --output - --format csv --time-range 2w"),
    "classify": (
        "pipeline classify build.log",
        "gh run view 123 --log-failed | pipeline classify -",
        "pipeline classify https://github.com/octo/app/actions/runs/123 --explain",
    ),
    "scan": ("GITHUB_TOKEN=... pipeline scan octo/app", "pipeline scan octo/app octo/shop --days 7 --limit 50"),
    "rules": ("pipeline rules", "pipeline rules --worst --format json"),
    "reclassify": ("pipeline reclassify --dry-run", "pipeline reclassify --since 30d"),
    "replay": ("pipeline replay delivery.json",),
    "mcp": ("pipeline mcp --repo octo/app", "DATABASE_URL=sqlite:////srv/pipeline.db pipeline mcp"),
    "demo": ("pipeline demo", "pipeline demo --keep-running"),
    "doctor": ("pipeline doctor", "pipeline doctor --format json"),
    "inbox": ("pipeline inbox", "pipeline inbox --state dead"),
    "inbox list": ("pipeline inbox list --state dead --format json",),
    "inbox revive": ("pipeline inbox revive 17 18",),
    "inbox drop": ("pipeline inbox drop 19",),
    "db": ("pipeline db upgrade",),
    "db upgrade": ("pipeline db upgrade",),
    "db backup": ("pipeline db backup /backups/pipeline.db",),
    "db prune": ("RETENTION_DAYS=100 pipeline db prune",),
}


def under(command: str) -> str:
    """The epilog of a command's help; the backspace keeps its lines as they are."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in EXAMPLES[command])])
