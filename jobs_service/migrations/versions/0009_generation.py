"""Texts that are written while their owner waits, and how long they are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
    op.add_column(
        "jobs", sa.Column("direct", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_index(
        "jobs_direct",
        "jobs",
        ["owner_id"],
        postgresql_where=sa.text("status = 'running' AND direct"),
    )
    op.create_index(
        "jobs_texts_again",
        "jobs",
        ["owner_id", "same_as", "finished_at"],
        postgresql_where=sa.text("type = 'text' AND status = 'succeeded' AND same_as IS NOT NULL"),
    )
    op.create_index(
        "jobs_texts_kept",
        "jobs",
        ["finished_at"],
        postgresql_where=sa.text("""type = 'text' AND request <> '{"type":"text"}'"""),
    )
