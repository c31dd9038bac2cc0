"""Parts of long videos."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Workers share the parts of a long video."""
    op.create_table(
        "parts",
        sa.Column(
            "job_id", sa.UUID, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("video_id", sa.UUID, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("starts", sa.Double, nullable=False),
        sa.Column("ends", sa.Double, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
        sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("worker", sa.Text),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("progress", sa.Double, nullable=False, server_default="0"),
        sa.Column("heard", sa.Text),
        sa.CheckConstraint("starts < ends", name="parts_bounds"),
        sa.CheckConstraint("state IN ('waiting', 'running', 'done')", name="parts_state"),
        sa.CheckConstraint("(state = 'done') = (heard IS NOT NULL)", name="parts_heard"),
    )
    op.create_index(
        "parts_open", "parts", ["job_id", "number"], postgresql_where=sa.text("state <> 'done'")
    )
