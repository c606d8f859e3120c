"""Failures that people taught by a pattern.

Revision: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TEXT = sa.Text()
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "known_failures",
        sa.Column("repo_id", WHOLE, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("installation_id", WHOLE, server_default="0", nullable=False),
        sa.Column("pattern", TEXT, server_default="", nullable=False),
        sa.Column("category", TEXT, server_default="", nullable=False),
        sa.Column("state", TEXT, server_default="", nullable=False),
        sa.Column("by", TEXT, server_default="", nullable=False),
        sa.Column("at", WHOLE, server_default="0", nullable=False),
        sa.Column("issue_number", WHOLE, server_default="0", nullable=False),
        sa.Column("matched", WHOLE, server_default="0", nullable=False),
        sa.Column("confirmed_by", TEXT, server_default="", nullable=False),
        sa.Column("confirmed_at", WHOLE, server_default="0", nullable=False),
        sa.Column("looks", WHOLE, server_default="0", nullable=False),
        sa.Column("next_look_at", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("repo_id", "id", name="pk_known_failures"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_known_failures_state", "known_failures", ["state", "next_look_at"])


def downgrade() -> None:
    op.drop_table("known_failures")
