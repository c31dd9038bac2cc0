"""Guests who turned out to be users, and all videos of an owner."""

from alembic import op

from shared.db.aliases import create_aliases

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
    create_aliases(op)
    op.create_index("videos_owner_id", "videos", ["owner_id"])
