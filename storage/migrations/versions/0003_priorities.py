"""What goes first: a priority for each job, and the indices that lead from lane to lane and tenant to tenant.

Revision: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SMALL = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("priority", SMALL, server_default=sa.text("1"), nullable=False))
    _index("ix_jobs_heads", "lane", "id", condition="state = 0 AND lane IS NOT NULL")
    _index("ix_jobs_loose", "run_at_ms", "id", condition="state = 0 AND lane IS NULL")


def downgrade() -> None:
    op.drop_index("ix_jobs_loose", "jobs")
    op.drop_index("ix_jobs_heads", "jobs")
    op.drop_column("jobs", "priority")


def _index(name: str, *columns: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(
        name,
        "jobs",
        ["priority", "installation_id", *columns],
        unique=False,
        sqlite_where=where,
        postgresql_where=where,
    )
