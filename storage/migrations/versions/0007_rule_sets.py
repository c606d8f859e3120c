"""Which version of the rules judged a failure.

Revision: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pipeline_failures", sa.Column("rule_set", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("pipeline_failures", "rule_set")
