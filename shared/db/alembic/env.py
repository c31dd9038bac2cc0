"""Alembic runs this for each service; `shared.db.migrations` hands in connection and schema."""

from alembic import context

given = context.config.attributes
context.configure(connection=given["connection"], version_table_schema=given["schema"])
with context.begin_transaction():
    context.run_migrations()
