"""Alembic runs this file for every upgrade; `upgrade.py` gives it the connection."""

from alembic import context

from linegram.storage.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,
)
context.run_migrations()
