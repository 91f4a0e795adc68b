"""Alembic's environment: runs on the connection and in the transaction that `smart.store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from smart.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite's too: its transaction is begun by us, not by the driver
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
