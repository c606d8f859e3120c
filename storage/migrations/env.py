"""Alembic's entry: runs on the connection and in the transaction that `storage.migrate` hands over."""

from __future__ import annotations

from alembic import context

from storage.table_parts import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
