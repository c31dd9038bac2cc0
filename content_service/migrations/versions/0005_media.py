"""Posters, quotas and plans, and what one replica does for all."""

import sqlalchemy as sa
from alembic import op

from shared.db.schedules import create_schedules

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
    create_schedules(op)
    op.add_column("videos", sa.Column("plan", sa.Text, nullable=False, server_default="free"))
    op.add_column("videos", sa.Column("frame_rate", sa.Double))
    op.add_column("videos", sa.Column("poster_bytes", sa.Integer))
    op.add_column("videos", sa.Column("poster_sha256", sa.Text))
    op.create_index(
        "videos_kept",
        "videos",
        ["owner_id"],
        postgresql_include=["size_bytes"],
        postgresql_where=sa.text("state IN ('receiving','stored','probing','ready')"),
    )
