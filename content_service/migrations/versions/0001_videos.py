"""Videos, and the tables of messaging."""

import sqlalchemy as sa
from alembic import op

from shared.messaging.tables import create_messaging_tables

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the first tables of the schema."""
    create_messaging_tables(op)
    op.create_table(
        "videos",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("owner_id", sa.Uuid, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason_code", sa.Text),
        sa.Column("reason_text", sa.Text),
        sa.Column("duration_seconds", sa.Double),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("video_codec", sa.Text),
        sa.Column("audio_codec", sa.Text),
        sa.Column("has_file", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("lease_until", _MOMENT, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.CheckConstraint(
            "state IN ('receiving','stored','probing','ready','rejected','expired','deleted')",
            name="videos_state",
        ),
        sa.CheckConstraint("size_bytes >= 0", name="videos_size"),
    )
    _index("videos_of_owner", "state NOT IN ('receiving','deleted')", "owner_id", "id DESC")
    _index("videos_to_receive", "state = 'receiving'", "lease_until")
    _index("videos_to_probe", "state IN ('stored','probing')", "lease_until")
    _index("videos_to_expire", "state IN ('stored','probing','ready','rejected')", "expires_at")
    _index(
        "videos_to_empty",
        "has_file AND state IN ('rejected','expired','deleted')",
        "lease_until",
    )


def _index(name: str, where: str, *columns: str) -> None:
    op.create_index(
        name, "videos", [sa.text(one) for one in columns], postgresql_where=sa.text(where)
    )
