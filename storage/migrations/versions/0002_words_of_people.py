"""What was said of failures: muted and corrected by people, joined as nearly the same.

Revision: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text()
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "mutes",
        sa.Column("repo_id", WHOLE, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("installation_id", WHOLE, server_default="0", nullable=False),
        sa.Column("until", WHOLE, nullable=True),
        sa.Column("reason", TEXT, server_default="", nullable=False),
        sa.Column("by", TEXT, server_default="", nullable=False),
        sa.Column("at", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("repo_id", "fingerprint", name="pk_mutes"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "corrections",
        sa.Column("repo_id", WHOLE, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("category", TEXT, nullable=False),
        sa.Column("was", TEXT, server_default="", nullable=False),
        sa.Column("rule", TEXT, server_default="", nullable=False),
        sa.Column("by", TEXT, server_default="", nullable=False),
        sa.Column("at", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("repo_id", "fingerprint", name="pk_corrections"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pattern_joins",
        sa.Column("installation_id", WHOLE, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("under", TEXT, nullable=False),
        sa.Column("at", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "fingerprint", name="pk_pattern_joins"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("pattern_joins")
    op.drop_table("corrections")
    op.drop_table("mutes")
