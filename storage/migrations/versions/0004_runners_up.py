"""What competed with the cause of a failure, for whoever asks why it was read so.

Revision: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pipeline_failures", sa.Column("runners_up", sa.Text(), server_default="[]", nullable=False))


def downgrade() -> None:
    op.drop_column("pipeline_failures", "runners_up")
