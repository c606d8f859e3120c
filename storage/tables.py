"""Every table, once. Times are epoch seconds in UTC unless a name ends in `_ms`.

STRICT on SQLite everywhere; WITHOUT ROWID where the key is composite and the rows are small. `pipeline_failures`
keeps its rowid because excerpts of 4 KB inside a key's B-tree would make every look-up read more pages.
"""

from __future__ import annotations

from sqlalchemy import Column, ColumnClause, Index, PrimaryKeyConstraint, Table, literal_column, text

from storage.columns import Blob, Real, RunnersUp, Small, TextList, Whole, Words

# Kept in a file of their own, and to be had here like all the others.
from storage.people_tables import corrections as corrections  # noqa: PLC0414
from storage.people_tables import known_failures as known_failures  # noqa: PLC0414
from storage.people_tables import mutes as mutes  # noqa: PLC0414
from storage.people_tables import pattern_joins as pattern_joins  # noqa: PLC0414
from storage.people_tables import wakes as wakes  # noqa: PLC0414
from storage.table_parts import KEYED, ROWID, flag, metadata, where, whole, words

READY, RUNNING, DEAD = 0, 1, 2

# Written into the statement, not bound: only then does a planner see that a partial index answers it.
YES: ColumnClause[bool] = literal_column("1")
NO: ColumnClause[bool] = literal_column("0")
COMPLETED: ColumnClause[str] = literal_column("'completed'")

installations = Table(
    "installations",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=False),
    words("account"),
    words("account_type"),
    whole("suspended_at", nullable=True),
    whole("removed_at", nullable=True),
    **ROWID,
)

# No foreign keys to installations: deliveries come in any order, and a repository may be known first.
repositories = Table(
    "repositories",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=False),
    whole("installation_id"),
    words("full_name"),
    flag("private"),
    words("default_branch"),
    whole("removed_at", nullable=True),
    Index("ix_repositories_installation", "installation_id"),
    **ROWID,
)

deliveries = Table(
    "deliveries",
    metadata,
    words("guid", None, key=True),
    words("event", None),
    words("action"),
    whole("installation_id", "0"),
    whole("repo_id", nullable=True),
    whole("received_at_ms"),
    Column("body", Blob, nullable=True),
    Index("ix_deliveries_received", "received_at_ms"),
    **ROWID,
)

# AUTOINCREMENT: finished jobs are deleted, and a reused id would let a zombie complete somebody else's job.
jobs = Table(
    "jobs",
    metadata,
    Column("id", Whole, primary_key=True, autoincrement=True),
    Column("dedupe", Words, nullable=False, unique=True),
    Column("guid", Words, nullable=True),
    words("kind", None),
    Column("lane", Words, nullable=True),
    Column("args", Blob, nullable=True),
    whole("installation_id", "0"),
    Column("state", Small, nullable=False, server_default=text("0")),
    Column("attempts", Small, nullable=False, server_default=text("0")),
    Column("max_attempts", Small, nullable=False, server_default=text("8")),
    whole("run_at_ms"),
    whole("created_at_ms"),
    whole("lease_until_ms", nullable=True),
    Column("owner", Words, nullable=True),
    words("last_error"),
    Column("priority", Small, nullable=False, server_default=text("1")),
    Column("deaths", Small, nullable=False, server_default=text("0")),
    Index("ix_jobs_ready", "run_at_ms", "id", **where("state = 0")),
    Index("ix_jobs_lane", "lane", "id"),
    Index("ux_jobs_lane_running", "lane", unique=True, **where("state = 1")),
    Index("ix_jobs_lease", "lease_until_ms", **where("state = 1")),
    Index("ix_jobs_heads", "priority", "installation_id", "lane", "id", **where("state = 0 AND lane IS NOT NULL")),
    Index("ix_jobs_loose", "priority", "installation_id", "run_at_ms", "id", **where("state = 0 AND lane IS NULL")),
    sqlite_autoincrement=True,
    postgresql_with={
        "fillfactor": 70,
        "autovacuum_vacuum_scale_factor": 0,
        "autovacuum_vacuum_threshold": 2000,
    },
    **ROWID,
)

schedules = Table(
    "schedules",
    metadata,
    words("name", None, key=True),
    whole("next_run_at"),
    whole("last_run_at", nullable=True),
    **ROWID,
)

effects = Table(
    "effects",
    metadata,
    words("key", None, key=True),
    words("kind", None),
    words("state", None),
    whole("repo_id"),
    words("external_id"),
    words("url"),
    words("body_hash"),
    words("detail"),
    whole("created_at"),
    whole("updated_at"),
    Index("ix_effects_repo", "repo_id", "kind"),
    **ROWID,
)

pipeline_runs = Table(
    "pipeline_runs",
    metadata,
    whole("installation_id"),
    whole("repo_id"),
    words("repository"),
    whole("run_id"),
    whole("run_attempt"),
    whole("workflow_id"),
    words("workflow"),
    words("event"),
    words("branch"),
    words("commit"),
    words("status"),
    Column("conclusion", Words, nullable=True),
    whole("created_at", "0"),
    whole("started_at", "0"),
    whole("completed_at", nullable=True),
    words("url"),
    words("actor"),
    words("title"),
    flag("fork"),
    flag("default_branch"),
    whole("pull_request", nullable=True),
    words("base_branch"),
    flag("latest", "1"),
    PrimaryKeyConstraint("repo_id", "run_id", "run_attempt", name="pk_pipeline_runs"),
    Index("ix_runs_commit", "repo_id", "commit"),
    Index("ix_runs_branch", "repo_id", "branch", "workflow_id", "run_id"),
    Index("ix_runs_pull", "repo_id", "pull_request", "run_id", **where("pull_request IS NOT NULL")),
    Index("ix_runs_live", "repo_id", "started_at", **where("latest = 1 AND status <> 'completed'")),
    Index(
        "ix_runs_live_installation", "installation_id", "started_at", **where("latest = 1 AND status <> 'completed'")
    ),
    # `latest` is in the key as well: SQLite calls an index covering only if it holds the columns of its condition.
    Index(
        "ix_runs_repo_window",
        *("repo_id", "completed_at", "workflow_id", "conclusion", "started_at", "latest"),
        **where("latest = 1"),
    ),
    Index(
        "ix_runs_installation_window",
        *("installation_id", "completed_at", "conclusion", "started_at", "repo_id", "latest"),
        **where("latest = 1"),
    ),
    **KEYED,
)

pipeline_jobs = Table(
    "pipeline_jobs",
    metadata,
    whole("repo_id"),
    whole("run_id"),
    whole("run_attempt"),
    whole("job_id"),
    words("job"),
    words("conclusion"),
    whole("started_at", nullable=True),
    whole("completed_at", nullable=True),
    PrimaryKeyConstraint("repo_id", "run_id", "run_attempt", "job_id", name="pk_pipeline_jobs"),
    **KEYED,
)

pipeline_failures = Table(
    "pipeline_failures",
    metadata,
    whole("installation_id"),
    whole("repo_id"),
    words("repository"),
    whole("run_id"),
    whole("run_attempt"),
    whole("job_id"),
    whole("workflow_id"),
    words("workflow"),
    words("job"),
    words("step"),
    words("branch"),
    words("commit"),
    words("category"),
    words("severity"),
    Column("confidence", Real, nullable=False, server_default=text("0")),
    Column("rule", Words, nullable=True),
    Column("tool", Words, nullable=True),
    words("message"),
    words("excerpt"),
    words("fingerprint"),
    flag("generic"),
    Column("path", Words, nullable=True),
    whole("line", nullable=True),
    Column("suggestions", TextList, nullable=False, server_default="[]"),
    Column("reasons", TextList, nullable=False, server_default="[]"),
    whole("detected_at"),
    words("url"),
    whole("retry_count", "0"),
    flag("crossed"),
    Column("verdict", Words, nullable=True),
    whole("resolved_at", nullable=True),
    whole("pull_request", nullable=True),
    whole("resolved_run_id", nullable=True),
    # The fingerprint under which it counts: its own, or the older one that it is nearly the same as.
    words("pattern"),
    Column("runners_up", RunnersUp, nullable=False, server_default="[]"),
    words("rule_set"),
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
        **where("resolved_at IS NULL"),
    ),
    **ROWID,
)

failure_patterns = Table(
    "failure_patterns",
    metadata,
    whole("installation_id"),
    words("fingerprint", None),
    words("category"),
    words("description"),
    whole("count", "0"),
    Column("repositories", TextList, nullable=False, server_default="[]"),
    whole("first_seen", "0"),
    whole("last_seen", "0"),
    flag("muted"),
    Column("suggestions", TextList, nullable=False, server_default="[]"),
    PrimaryKeyConstraint("installation_id", "fingerprint", name="pk_failure_patterns"),
    Index("ix_patterns_seen", "installation_id", "last_seen"),
    **KEYED,
)

# The same by repository: what readers of one repository may know of a pattern is summed from here.
pattern_repositories = Table(
    "pattern_repositories",
    metadata,
    whole("installation_id"),
    words("fingerprint", None),
    whole("repo_id"),
    whole("count", "0"),
    whole("first_seen", "0"),
    whole("last_seen", "0"),
    PrimaryKeyConstraint("installation_id", "fingerprint", "repo_id", name="pk_pattern_repositories"),
    Index("ix_pattern_repositories_seen", "repo_id", "last_seen"),
    Index("ix_pattern_repositories_recent", "installation_id", "last_seen"),
    **KEYED,
)

# Rollups. `day` counts days since 1970 in UTC. A row follows from the runs and failures of that day, and is changed
# only by `rollups.apply` and `rollups.reconcile`. Only runs are kept by repository: failures by repository, category
# and severity, or by repository and fingerprint, are hardly fewer rows than the failures themselves.
run_daily = Table(
    "run_daily",
    metadata,
    whole("installation_id"),
    whole("day"),
    whole("repo_id"),
    whole("success", "0"),
    whole("failure", "0"),
    whole("seconds", "0"),
    whole("timed", "0"),
    whole("failures", "0"),
    PrimaryKeyConstraint("installation_id", "day", "repo_id", name="pk_run_daily"),
    **KEYED,
)

failure_daily = Table(
    "failure_daily",
    metadata,
    whole("installation_id"),
    whole("day"),
    words("category", None),
    words("severity", None),
    whole("count", "0"),
    PrimaryKeyConstraint("installation_id", "day", "category", "severity", name="pk_failure_daily"),
    **KEYED,
)

pattern_daily = Table(
    "pattern_daily",
    metadata,
    whole("installation_id"),
    whole("day"),
    words("fingerprint", None),
    whole("count", "0"),
    whole("seconds", "0"),
    PrimaryKeyConstraint("installation_id", "day", "fingerprint", name="pk_pattern_daily"),
    **KEYED,
)

issues = Table(
    "issues",
    metadata,
    whole("repo_id"),
    words("fingerprint", None),
    whole("number"),
    words("state", None),
    whole("opened_at"),
    whole("closed_at", nullable=True),
    words("url"),
    words("body_hash"),
    words("kind", "failure"),
    words("effect_key"),
    PrimaryKeyConstraint("repo_id", "fingerprint", "number", name="pk_issues"),
    Index("ix_issues_number", "repo_id", "number"),
    Index("ix_issues_opened", "repo_id", "opened_at"),
    **KEYED,
)
