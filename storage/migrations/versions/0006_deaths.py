"""How often a job went down with its process, one time after the other.

Revision: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SMALL = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("deaths", SMALL, server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    op.drop_column("jobs", "deaths")
