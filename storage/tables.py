"""Every table, once. Times are epoch seconds in UTC unless a name ends in `_ms`.

STRICT on SQLite everywhere; WITHOUT ROWID where the key is composite and the rows are small. `pipeline_failures`
keeps its rowid because excerpts of 4 KB inside a key's B-tree would make every look-up read more pages.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnClause, Index, MetaData, PrimaryKeyConstraint, Table, literal_column, text

from storage.columns import Blob, Flag, Real, RunnersUp, Small, TextList, Whole, Words

READY, RUNNING, DEAD = 0, 1, 2

# Written into the statement, not bound: only then does a planner see that a partial index answers it.
YES: ColumnClause[bool] = literal_column("1")
NO: ColumnClause[bool] = literal_column("0")
COMPLETED: ColumnClause[str] = literal_column("'completed'")

metadata = MetaData()
_ROWID: dict[str, Any] = {"sqlite_strict": True}
_KEYED: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


def _text(name: str, default: str | None = "", *, key: bool = False) -> Column[Any]:
    return Column(name, Words, nullable=False, primary_key=key, server_default=default)


def _whole(name: str, default: str | None = None, *, nullable: bool = False) -> Column[Any]:
    return Column(name, Whole, nullable=nullable, server_default=default)


def _flag(name: str, default: str = "0") -> Column[Any]:
    return Column(name, Flag, nullable=False, server_default=text(default))


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


installations = Table(
    "installations",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=False),
    _text("account"),
    _text("account_type"),
    _whole("suspended_at", nullable=True),
    _whole("removed_at", nullable=True),
    **_ROWID,
)

# No foreign keys to installations: deliveries come in any order, and a repository may be known first.
repositories = Table(
    "repositories",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=False),
    _whole("installation_id"),
    _text("full_name"),
    _flag("private"),
    _text("default_branch"),
    _whole("removed_at", nullable=True),
    Index("ix_repositories_installation", "installation_id"),
    **_ROWID,
)

deliveries = Table(
    "deliveries",
    metadata,
    _text("guid", None, key=True),
    _text("event", None),
    _text("action"),
    _whole("installation_id", "0"),
    _whole("repo_id", nullable=True),
    _whole("received_at_ms"),
    Column("body", Blob, nullable=True),
    Index("ix_deliveries_received", "received_at_ms"),
    **_ROWID,
)

# AUTOINCREMENT: finished jobs are deleted, and a reused id would let a zombie complete somebody else's job.
jobs = Table(
    "jobs",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=True),
    Column("dedupe", Words, nullable=False, unique=True),
    Column("guid", Words, nullable=True),
    _text("kind", None),
    Column("lane", Words, nullable=True),
    Column("args", Blob, nullable=True),
    _whole("installation_id", "0"),
    Column("state", Small, nullable=False, server_default=text("0")),
    Column("attempts", Small, nullable=False, server_default=text("0")),
    Column("max_attempts", Small, nullable=False, server_default=text("8")),
    _whole("run_at_ms"),
    _whole("created_at_ms"),
    _whole("lease_until_ms", nullable=True),
    Column("owner", Words, nullable=True),
    _text("last_error"),
    Column("priority", Small, nullable=False, server_default=text("1")),
    Index("ix_jobs_ready", "run_at_ms", "id", **_where("state = 0")),
    Index("ix_jobs_lane", "lane", "id"),
    Index("ux_jobs_lane_running", "lane", unique=True, **_where("state = 1")),
    Index("ix_jobs_lease", "lease_until_ms", **_where("state = 1")),
    Index("ix_jobs_heads", "priority", "installation_id", "lane", "id", **_where("state = 0 AND lane IS NOT NULL")),
    Index("ix_jobs_loose", "priority", "installation_id", "run_at_ms", "id", **_where("state = 0 AND lane IS NULL")),
    sqlite_autoincrement=True,
    postgresql_with={
        "fillfactor": 70,
        "autovacuum_vacuum_scale_factor": 0,
        "autovacuum_vacuum_threshold": 2000,
    },
    **_ROWID,
)

schedules = Table(
    "schedules",
    metadata,
    _text("name", None, key=True),
    _whole("next_run_at"),
    _whole("last_run_at", nullable=True),
    **_ROWID,
)

effects = Table(
    "effects",
    metadata,
    _text("key", None, key=True),
    _text("kind", None),
    _text("state", None),
    _whole("repo_id"),
    _text("external_id"),
    _text("url"),
    _text("body_hash"),
    _text("detail"),
    _whole("created_at"),
    _whole("updated_at"),
    Index("ix_effects_repo", "repo_id", "kind"),
    **_ROWID,
)

pipeline_runs = Table(
    "pipeline_runs",
    metadata,
    _whole("installation_id"),
    _whole("repo_id"),
    _text("repository"),
    _whole("run_id"),
    _whole("run_attempt"),
    _whole("workflow_id"),
    _text("workflow"),
    _text("event"),
    _text("branch"),
    _text("commit"),
    _text("status"),
    Column("conclusion", Words, nullable=True),
    _whole("created_at", "0"),
    _whole("started_at", "0"),
    _whole("completed_at", nullable=True),
    _text("url"),
    _text("actor"),
    _text("title"),
    _flag("fork"),
    _flag("default_branch"),
    _whole("pull_request", nullable=True),
    _text("base_branch"),
    _flag("latest", "1"),
    PrimaryKeyConstraint("repo_id", "run_id", "run_attempt", name="pk_pipeline_runs"),
    Index("ix_runs_commit", "repo_id", "commit"),
    Index("ix_runs_branch", "repo_id", "branch", "workflow_id", "run_id"),
    Index("ix_runs_pull", "repo_id", "pull_request", "run_id", **_where("pull_request IS NOT NULL")),
    Index("ix_runs_live", "repo_id", "started_at", **_where("latest = 1 AND status <> 'completed'")),
    Index(
        "ix_runs_live_installation", "installation_id", "started_at", **_where("latest = 1 AND status <> 'completed'")
    ),
    # `latest` is in the key as well: SQLite calls an index covering only if it holds the columns of its condition.
    Index(
        "ix_runs_repo_window",
        *("repo_id", "completed_at", "workflow_id", "conclusion", "started_at", "latest"),
        **_where("latest = 1"),
    ),
    Index(
        "ix_runs_installation_window",
        *("installation_id", "completed_at", "conclusion", "started_at", "repo_id", "latest"),
        **_where("latest = 1"),
    ),
    **_KEYED,
)

pipeline_jobs = Table(
    "pipeline_jobs",
    metadata,
    _whole("repo_id"),
    _whole("run_id"),
    _whole("run_attempt"),
    _whole("job_id"),
    _text("job"),
    _text("conclusion"),
    _whole("started_at", nullable=True),
    _whole("completed_at", nullable=True),
    PrimaryKeyConstraint("repo_id", "run_id", "run_attempt", "job_id", name="pk_pipeline_jobs"),
    **_KEYED,
)

pipeline_failures = Table(
    "pipeline_failures",
    metadata,
    _whole("installation_id"),
    _whole("repo_id"),
    _text("repository"),
    _whole("run_id"),
    _whole("run_attempt"),
    _whole("job_id"),
    _whole("workflow_id"),
    _text("workflow"),
    _text("job"),
    _text("step"),
    _text("branch"),
    _text("commit"),
    _text("category"),
    _text("severity"),
    Column("confidence", Real, nullable=False, server_default=text("0")),
    Column("rule", Words, nullable=True),
    Column("tool", Words, nullable=True),
    _text("message"),
    _text("excerpt"),
    _text("fingerprint"),
    _flag("generic"),
    Column("path", Words, nullable=True),
    _whole("line", nullable=True),
    Column("suggestions", TextList, nullable=False, server_default="[]"),
    Column("reasons", TextList, nullable=False, server_default="[]"),
    _whole("detected_at"),
    _text("url"),
    _whole("retry_count", "0"),
    _flag("crossed"),
    Column("verdict", Words, nullable=True),
    _whole("resolved_at", nullable=True),
    _whole("pull_request", nullable=True),
    _whole("resolved_run_id", nullable=True),
    # The fingerprint under which it counts: its own, or the older one that it is nearly the same as.
    _text("pattern"),
    Column("runners_up", RunnersUp, nullable=False, server_default="[]"),
    PrimaryKeyConstraint("repo_id", "run_id", "run_attempt", "job_id", name="pk_pipeline_failures"),
    Index("ix_failures_branch", "repo_id", "branch", "workflow_id", "run_id"),
    Index("ix_failures_commit", "repo_id", "commit"),
    Index("ix_failures_fingerprint", "repo_id", "fingerprint", "detected_at"),
    Index("ix_failures_pattern", "installation_id", "pattern"),
    Index("ix_failures_window", "repo_id", "detected_at", "category", "severity"),
    Index("ix_failures_installation_window", "installation_id", "detected_at", "category", "severity", "repo_id"),
    Index(
        "ix_failures_open",
        *("repo_id", "branch", "workflow_id", "fingerprint"),
        **_where("resolved_at IS NULL"),
    ),
    **_ROWID,
)

failure_patterns = Table(
    "failure_patterns",
    metadata,
    _whole("installation_id"),
    _text("fingerprint", None),
    _text("category"),
    _text("description"),
    _whole("count", "0"),
    Column("repositories", TextList, nullable=False, server_default="[]"),
    _whole("first_seen", "0"),
    _whole("last_seen", "0"),
    _flag("muted"),
    Column("suggestions", TextList, nullable=False, server_default="[]"),
    PrimaryKeyConstraint("installation_id", "fingerprint", name="pk_failure_patterns"),
    Index("ix_patterns_seen", "installation_id", "last_seen"),
    **_KEYED,
)

# The same by repository: what readers of one repository may know of a pattern is summed from here.
pattern_repositories = Table(
    "pattern_repositories",
    metadata,
    _whole("installation_id"),
    _text("fingerprint", None),
    _whole("repo_id"),
    _whole("count", "0"),
    _whole("first_seen", "0"),
    _whole("last_seen", "0"),
    PrimaryKeyConstraint("installation_id", "fingerprint", "repo_id", name="pk_pattern_repositories"),
    Index("ix_pattern_repositories_seen", "repo_id", "last_seen"),
    Index("ix_pattern_repositories_recent", "installation_id", "last_seen"),
    **_KEYED,
)

# Rollups. `day` counts days since 1970 in UTC. A row follows from the runs and failures of that day, and is changed
# only by `rollups.apply` and `rollups.reconcile`. Only runs are kept by repository: failures by repository, category
# and severity, or by repository and fingerprint, are hardly fewer rows than the failures themselves.
run_daily = Table(
    "run_daily",
    metadata,
    _whole("installation_id"),
    _whole("day"),
    _whole("repo_id"),
    _whole("success", "0"),
    _whole("failure", "0"),
    _whole("seconds", "0"),
    _whole("timed", "0"),
    _whole("failures", "0"),
    PrimaryKeyConstraint("installation_id", "day", "repo_id", name="pk_run_daily"),
    **_KEYED,
)

failure_daily = Table(
    "failure_daily",
    metadata,
    _whole("installation_id"),
    _whole("day"),
    _text("category", None),
    _text("severity", None),
    _whole("count", "0"),
    PrimaryKeyConstraint("installation_id", "day", "category", "severity", name="pk_failure_daily"),
    **_KEYED,
)

pattern_daily = Table(
    "pattern_daily",
    metadata,
    _whole("installation_id"),
    _whole("day"),
    _text("fingerprint", None),
    _whole("count", "0"),
    _whole("seconds", "0"),
    PrimaryKeyConstraint("installation_id", "day", "fingerprint", name="pk_pattern_daily"),
    **_KEYED,
)

issues = Table(
    "issues",
    metadata,
    _whole("repo_id"),
    _text("fingerprint", None),
    _whole("number"),
    _text("state", None),
    _whole("opened_at"),
    _whole("closed_at", nullable=True),
    _text("url"),
    _text("body_hash"),
    _text("kind", "failure"),
    _text("effect_key"),
    PrimaryKeyConstraint("repo_id", "fingerprint", "number", name="pk_issues"),
    Index("ix_issues_number", "repo_id", "number"),
    Index("ix_issues_opened", "repo_id", "opened_at"),
    **_KEYED,
)

mutes = Table(
    "mutes",
    metadata,
    _whole("repo_id"),
    _text("fingerprint", None),
    _whole("installation_id", "0"),
    _whole("until", nullable=True),
    _text("reason"),
    _text("by"),
    _whole("at", "0"),
    PrimaryKeyConstraint("repo_id", "fingerprint", name="pk_mutes"),
    **_KEYED,
)

corrections = Table(
    "corrections",
    metadata,
    _whole("repo_id"),
    _text("fingerprint", None),
    _text("category", None),
    _text("was"),
    _text("rule"),
    _text("by"),
    _whole("at", "0"),
    PrimaryKeyConstraint("repo_id", "fingerprint", name="pk_corrections"),
    **_KEYED,
)

# One row for every fingerprint that was compared with its elders; `under` is itself where it stands alone.
pattern_joins = Table(
    "pattern_joins",
    metadata,
    _whole("installation_id"),
    _text("fingerprint", None),
    _text("under", None),
    _whole("at", "0"),
    PrimaryKeyConstraint("installation_id", "fingerprint", name="pk_pattern_joins"),
    **_KEYED,
)
