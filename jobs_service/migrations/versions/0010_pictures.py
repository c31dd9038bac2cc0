"""Whether a video has a picture, or is sound alone."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Of those that are known already it is taken for granted: whoever works on them finds out."""
    op.add_column(
        "videos", sa.Column("has_picture", sa.Boolean, nullable=False, server_default=sa.true())
    )
