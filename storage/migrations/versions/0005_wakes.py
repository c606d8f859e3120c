"""Mutes that ended because the failure grew, with the reason.

Revision: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT = sa.Text()
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REAL: sa.types.TypeEngine[float] = sa.Double().with_variant(sqlite.REAL(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "wakes",
        sa.Column("repo_id", WHOLE, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("installation_id", WHOLE, server_default="0", nullable=False),
        sa.Column("at", WHOLE, server_default="0", nullable=False),
        sa.Column("cause", TEXT, server_default="", nullable=False),
        sa.Column("count", WHOLE, server_default="0", nullable=False),
        sa.Column("before", REAL, server_default=sa.text("0"), nullable=False),
        sa.Column("branch", TEXT, server_default="", nullable=False),
        sa.Column("by", TEXT, server_default="", nullable=False),
        sa.Column("muted_at", WHOLE, server_default="0", nullable=False),
        sa.Column("run_id", WHOLE, server_default="0", nullable=False),
        sa.Column("run_attempt", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("repo_id", "fingerprint", name="pk_wakes"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("wakes")
