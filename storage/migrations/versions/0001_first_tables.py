"""The first tables.

Revision: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.sqlite import REAL

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text()
BLOB = sa.LargeBinary()
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SMALL = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")
DOUBLE: sa.types.TypeEngine[float] = sa.Double().with_variant(REAL(), "sqlite")


def upgrade() -> None:
    _deliveries()
    _effects()
    _failure_patterns()
    _installations()
    _issues()
    _jobs()
    _jobs_indices()
    _pipeline_failures()
    _pipeline_failures_indices()
    _pipeline_jobs()
    _pipeline_runs()
    _pipeline_runs_indices()
    _repositories()
    _rollups()
    _pattern_rollups()
    _schedules()


def downgrade() -> None:
    """There is nothing before the first tables."""


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("guid", TEXT, nullable=False),
        sa.Column("event", TEXT, nullable=False),
        sa.Column("action", TEXT, server_default="", nullable=False),
        sa.Column("installation_id", WHOLE, server_default="0", nullable=False),
        sa.Column("repo_id", WHOLE, nullable=True),
        sa.Column("received_at_ms", WHOLE, nullable=False),
        sa.Column("body", BLOB, nullable=True),
        sa.PrimaryKeyConstraint("guid"),
        sqlite_strict=True,
    )
    op.create_index("ix_deliveries_received", "deliveries", ["received_at_ms"], unique=False)


def _effects() -> None:
    op.create_table(
        "effects",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("repo_id", WHOLE, nullable=False),
        sa.Column("external_id", TEXT, server_default="", nullable=False),
        sa.Column("url", TEXT, server_default="", nullable=False),
        sa.Column("body_hash", TEXT, server_default="", nullable=False),
        sa.Column("detail", TEXT, server_default="", nullable=False),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("updated_at", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_strict=True,
    )
    op.create_index("ix_effects_repo", "effects", ["repo_id", "kind"], unique=False)


def _failure_patterns() -> None:
    op.create_table(
        "failure_patterns",
        sa.Column("installation_id", WHOLE, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("category", TEXT, server_default="", nullable=False),
        sa.Column("description", TEXT, server_default="", nullable=False),
        sa.Column("count", WHOLE, server_default="0", nullable=False),
        sa.Column("repositories", TEXT, server_default="[]", nullable=False),
        sa.Column("first_seen", WHOLE, server_default="0", nullable=False),
        sa.Column("last_seen", WHOLE, server_default="0", nullable=False),
        sa.Column("muted", SMALL, server_default=sa.text("0"), nullable=False),
        sa.Column("suggestions", TEXT, server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "fingerprint", name="pk_failure_patterns"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_patterns_seen", "failure_patterns", ["installation_id", "last_seen"], unique=False)


def _installations() -> None:
    op.create_table(
        "installations",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("account", TEXT, server_default="", nullable=False),
        sa.Column("account_type", TEXT, server_default="", nullable=False),
        sa.Column("suspended_at", WHOLE, nullable=True),
        sa.Column("removed_at", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )


def _issues() -> None:
    op.create_table(
        "issues",
        sa.Column("repo_id", WHOLE, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("opened_at", WHOLE, nullable=False),
        sa.Column("closed_at", WHOLE, nullable=True),
        sa.Column("url", TEXT, server_default="", nullable=False),
        sa.Column("body_hash", TEXT, server_default="", nullable=False),
        sa.Column("kind", TEXT, server_default="failure", nullable=False),
        sa.Column("effect_key", TEXT, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("repo_id", "fingerprint", "number", name="pk_issues"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_issues_number", "issues", ["repo_id", "number"], unique=False)
    op.create_index("ix_issues_opened", "issues", ["repo_id", "opened_at"], unique=False)


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("dedupe", TEXT, nullable=False),
        sa.Column("guid", TEXT, nullable=True),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("lane", TEXT, nullable=True),
        sa.Column("args", BLOB, nullable=True),
        sa.Column("installation_id", WHOLE, server_default="0", nullable=False),
        sa.Column("state", SMALL, server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", SMALL, server_default=sa.text("0"), nullable=False),
        sa.Column("max_attempts", SMALL, server_default=sa.text("8"), nullable=False),
        sa.Column("run_at_ms", WHOLE, nullable=False),
        sa.Column("created_at_ms", WHOLE, nullable=False),
        sa.Column("lease_until_ms", WHOLE, nullable=True),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("last_error", TEXT, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("dedupe"),
        postgresql_with={"fillfactor": 70, "autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 2000},
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )


def _jobs_indices() -> None:
    op.create_index("ix_jobs_lane", "jobs", ["lane", "id"], unique=False)
    op.create_index(
        "ix_jobs_lease",
        "jobs",
        ["lease_until_ms"],
        unique=False,
        sqlite_where=sa.text("state = 1"),
        postgresql_where=sa.text("state = 1"),
    )
    op.create_index(
        "ix_jobs_ready",
        "jobs",
        ["run_at_ms", "id"],
        unique=False,
        sqlite_where=sa.text("state = 0"),
        postgresql_where=sa.text("state = 0"),
    )
    op.create_index(
        "ux_jobs_lane_running",
        "jobs",
        ["lane"],
        unique=True,
        sqlite_where=sa.text("state = 1"),
        postgresql_where=sa.text("state = 1"),
    )


def _pipeline_failures() -> None:
    op.create_table(
        "pipeline_failures",
        sa.Column("installation_id", WHOLE, nullable=False),
        sa.Column("repo_id", WHOLE, nullable=False),
        sa.Column("repository", TEXT, server_default="", nullable=False),
        sa.Column("run_id", WHOLE, nullable=False),
        sa.Column("run_attempt", WHOLE, nullable=False),
        sa.Column("job_id", WHOLE, nullable=False),
        sa.Column("workflow_id", WHOLE, nullable=False),
        sa.Column("workflow", TEXT, server_default="", nullable=False),
        sa.Column("job", TEXT, server_default="", nullable=False),
        sa.Column("step", TEXT, server_default="", nullable=False),
        sa.Column("branch", TEXT, server_default="", nullable=False),
        sa.Column("commit", TEXT, server_default="", nullable=False),
        sa.Column("category", TEXT, server_default="", nullable=False),
        sa.Column("severity", TEXT, server_default="", nullable=False),
        sa.Column("confidence", DOUBLE, server_default=sa.text("0"), nullable=False),
        sa.Column("rule", TEXT, nullable=True),
        sa.Column("tool", TEXT, nullable=True),
        sa.Column("message", TEXT, server_default="", nullable=False),
        sa.Column("excerpt", TEXT, server_default="", nullable=False),
        sa.Column("fingerprint", TEXT, server_default="", nullable=False),
        sa.Column("generic", SMALL, server_default=sa.text("0"), nullable=False),
        sa.Column("path", TEXT, nullable=True),
        sa.Column("line", WHOLE, nullable=True),
        sa.Column("suggestions", TEXT, server_default="[]", nullable=False),
        sa.Column("reasons", TEXT, server_default="[]", nullable=False),
        sa.Column("detected_at", WHOLE, nullable=False),
        sa.Column("url", TEXT, server_default="", nullable=False),
        sa.Column("retry_count", WHOLE, server_default="0", nullable=False),
        sa.Column("crossed", SMALL, server_default=sa.text("0"), nullable=False),
        sa.Column("verdict", TEXT, nullable=True),
        sa.Column("resolved_at", WHOLE, nullable=True),
        sa.Column("pull_request", WHOLE, nullable=True),
        sa.Column("resolved_run_id", WHOLE, nullable=True),
        sa.Column("pattern", TEXT, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("repo_id", "run_id", "run_attempt", "job_id", name="pk_pipeline_failures"),
        sqlite_strict=True,
    )


def _pipeline_failures_indices() -> None:
    op.create_index(
        "ix_failures_branch", "pipeline_failures", ["repo_id", "branch", "workflow_id", "run_id"], unique=False
    )
    op.create_index("ix_failures_commit", "pipeline_failures", ["repo_id", "commit"], unique=False)
    op.create_index(
        "ix_failures_fingerprint", "pipeline_failures", ["repo_id", "fingerprint", "detected_at"], unique=False
    )
    op.create_index(
        "ix_failures_open",
        "pipeline_failures",
        ["repo_id", "branch", "workflow_id", "fingerprint"],
        unique=False,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_index(
        "ix_failures_installation_window",
        "pipeline_failures",
        ["installation_id", "detected_at", "category", "severity", "repo_id"],
        unique=False,
    )
    op.create_index("ix_failures_pattern", "pipeline_failures", ["installation_id", "pattern"], unique=False)
    op.create_index(
        "ix_failures_window", "pipeline_failures", ["repo_id", "detected_at", "category", "severity"], unique=False
    )


def _pipeline_jobs() -> None:
    op.create_table(
        "pipeline_jobs",
        sa.Column("repo_id", WHOLE, nullable=False),
        sa.Column("run_id", WHOLE, nullable=False),
        sa.Column("run_attempt", WHOLE, nullable=False),
        sa.Column("job_id", WHOLE, nullable=False),
        sa.Column("job", TEXT, server_default="", nullable=False),
        sa.Column("conclusion", TEXT, server_default="", nullable=False),
        sa.Column("started_at", WHOLE, nullable=True),
        sa.Column("completed_at", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("repo_id", "run_id", "run_attempt", "job_id", name="pk_pipeline_jobs"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _pipeline_runs() -> None:
    op.create_table(
        "pipeline_runs",
        sa.Column("installation_id", WHOLE, nullable=False),
        sa.Column("repo_id", WHOLE, nullable=False),
        sa.Column("repository", TEXT, server_default="", nullable=False),
        sa.Column("run_id", WHOLE, nullable=False),
        sa.Column("run_attempt", WHOLE, nullable=False),
        sa.Column("workflow_id", WHOLE, nullable=False),
        sa.Column("workflow", TEXT, server_default="", nullable=False),
        sa.Column("event", TEXT, server_default="", nullable=False),
        sa.Column("branch", TEXT, server_default="", nullable=False),
        sa.Column("commit", TEXT, server_default="", nullable=False),
        sa.Column("status", TEXT, server_default="", nullable=False),
        sa.Column("conclusion", TEXT, nullable=True),
        sa.Column("created_at", WHOLE, server_default="0", nullable=False),
        sa.Column("started_at", WHOLE, server_default="0", nullable=False),
        sa.Column("completed_at", WHOLE, nullable=True),
        sa.Column("url", TEXT, server_default="", nullable=False),
        sa.Column("actor", TEXT, server_default="", nullable=False),
        sa.Column("title", TEXT, server_default="", nullable=False),
        sa.Column("fork", SMALL, server_default=sa.text("0"), nullable=False),
        sa.Column("default_branch", SMALL, server_default=sa.text("0"), nullable=False),
        sa.Column("pull_request", WHOLE, nullable=True),
        sa.Column("base_branch", TEXT, server_default="", nullable=False),
        sa.Column("latest", SMALL, server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("repo_id", "run_id", "run_attempt", name="pk_pipeline_runs"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _pipeline_runs_indices() -> None:
    op.create_index("ix_runs_branch", "pipeline_runs", ["repo_id", "branch", "workflow_id", "run_id"], unique=False)
    op.create_index("ix_runs_commit", "pipeline_runs", ["repo_id", "commit"], unique=False)
    op.create_index(
        "ix_runs_installation_window",
        "pipeline_runs",
        ["installation_id", "completed_at", "conclusion", "started_at", "repo_id", "latest"],
        unique=False,
        sqlite_where=sa.text("latest = 1"),
        postgresql_where=sa.text("latest = 1"),
    )
    op.create_index(
        "ix_runs_live",
        "pipeline_runs",
        ["repo_id", "started_at"],
        unique=False,
        sqlite_where=sa.text("latest = 1 AND status <> 'completed'"),
        postgresql_where=sa.text("latest = 1 AND status <> 'completed'"),
    )
    op.create_index(
        "ix_runs_live_installation",
        "pipeline_runs",
        ["installation_id", "started_at"],
        unique=False,
        sqlite_where=sa.text("latest = 1 AND status <> 'completed'"),
        postgresql_where=sa.text("latest = 1 AND status <> 'completed'"),
    )
    op.create_index(
        "ix_runs_pull",
        "pipeline_runs",
        ["repo_id", "pull_request", "run_id"],
        unique=False,
        sqlite_where=sa.text("pull_request IS NOT NULL"),
        postgresql_where=sa.text("pull_request IS NOT NULL"),
    )
    op.create_index(
        "ix_runs_repo_window",
        "pipeline_runs",
        ["repo_id", "completed_at", "workflow_id", "conclusion", "started_at", "latest"],
        unique=False,
        sqlite_where=sa.text("latest = 1"),
        postgresql_where=sa.text("latest = 1"),
    )


def _repositories() -> None:
    op.create_table(
        "repositories",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("installation_id", WHOLE, nullable=False),
        sa.Column("full_name", TEXT, server_default="", nullable=False),
        sa.Column("private", SMALL, server_default=sa.text("0"), nullable=False),
        sa.Column("default_branch", TEXT, server_default="", nullable=False),
        sa.Column("removed_at", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index("ix_repositories_installation", "repositories", ["installation_id"], unique=False)


def _rollups() -> None:
    op.create_table(
        "run_daily",
        sa.Column("installation_id", WHOLE, nullable=False),
        sa.Column("day", WHOLE, nullable=False),
        sa.Column("repo_id", WHOLE, nullable=False),
        sa.Column("success", WHOLE, server_default="0", nullable=False),
        sa.Column("failure", WHOLE, server_default="0", nullable=False),
        sa.Column("seconds", WHOLE, server_default="0", nullable=False),
        sa.Column("timed", WHOLE, server_default="0", nullable=False),
        sa.Column("failures", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "day", "repo_id", name="pk_run_daily"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "failure_daily",
        sa.Column("installation_id", WHOLE, nullable=False),
        sa.Column("day", WHOLE, nullable=False),
        sa.Column("category", TEXT, nullable=False),
        sa.Column("severity", TEXT, nullable=False),
        sa.Column("count", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "day", "category", "severity", name="pk_failure_daily"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _pattern_rollups() -> None:
    op.create_table(
        "pattern_daily",
        sa.Column("installation_id", WHOLE, nullable=False),
        sa.Column("day", WHOLE, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("count", WHOLE, server_default="0", nullable=False),
        sa.Column("seconds", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "day", "fingerprint", name="pk_pattern_daily"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pattern_repositories",
        sa.Column("installation_id", WHOLE, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("repo_id", WHOLE, nullable=False),
        sa.Column("count", WHOLE, server_default="0", nullable=False),
        sa.Column("first_seen", WHOLE, server_default="0", nullable=False),
        sa.Column("last_seen", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "fingerprint", "repo_id", name="pk_pattern_repositories"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    seen, recent = ["repo_id", "last_seen"], ["installation_id", "last_seen"]
    op.create_index("ix_pattern_repositories_seen", "pattern_repositories", seen, unique=False)
    op.create_index("ix_pattern_repositories_recent", "pattern_repositories", recent, unique=False)


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("next_run_at", WHOLE, nullable=False),
        sa.Column("last_run_at", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("name"),
        sqlite_strict=True,
    )
