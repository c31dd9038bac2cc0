"""Copies of videos that jobs make."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
    op.create_table(
        "copies",
        sa.Column("job_id", sa.Uuid, primary_key=True),
        sa.Column("video_id", sa.Uuid),
        sa.Column("unwanted", sa.Boolean, nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
    )
    op.create_index("copies_created_at", "copies", ["created_at"])
