"""Uploads that can be resumed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
    op.create_table(
        "uploads",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("owner_id", sa.Uuid, nullable=False),
        sa.Column("length", sa.BigInteger),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("pieces", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("finished", sa.Boolean, nullable=False),
        sa.Column("writer", sa.Uuid),
        sa.Column("lease_until", _MOMENT, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.CheckConstraint(
            "received BETWEEN 0 AND coalesce(length, received)", name="uploads_received"
        ),
    )
    op.create_index("uploads_owner_id", "uploads", ["owner_id"])
    op.create_index("uploads_to_forget", "uploads", ["expires_at"])
    op.create_index(
        "uploads_to_finish",
        "uploads",
        ["lease_until"],
        postgresql_where=sa.text("received = length AND NOT finished"),
    )
