"""Tracks with versions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"

_moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Tracks belong to their owners, whatever made them; what they say is in their versions."""
    op.add_column("tracks", sa.Column("id", sa.UUID))
    op.add_column("tracks", sa.Column("owner_id", sa.UUID))
    op.add_column("tracks", sa.Column("video_id", sa.UUID))
    op.add_column("tracks", sa.Column("source_id", sa.UUID))
    op.add_column("tracks", sa.Column("audience", sa.Text, nullable=False, server_default="adult"))
    op.add_column("tracks", sa.Column("origin", sa.Text, nullable=False,
                                      server_default="recognised"))  # fmt: skip
    op.add_column("tracks", sa.Column("version", sa.Integer, nullable=False, server_default="1"))
    op.add_column("tracks", sa.Column("updated_at", _moment, nullable=False,
                                      server_default=sa.func.now()))  # fmt: skip
    # a track that was there has the id of the job that made it
    op.execute(
        """
        UPDATE tracks SET id = job_id, updated_at = tracks.created_at,
            owner_id = jobs.owner_id, video_id = jobs.video_id
        FROM jobs WHERE jobs.id = tracks.job_id
        """
    )
    op.drop_constraint("tracks_pkey", "tracks")
    op.drop_constraint("tracks_job_id_fkey", "tracks")
    for column in ("id", "owner_id", "video_id"):
        op.alter_column("tracks", column, nullable=False)
    op.alter_column("tracks", "job_id", nullable=True)
    op.create_primary_key("tracks_pkey", "tracks", ["id"])
    op.create_unique_constraint("tracks_job_id_key", "tracks", ["job_id"])
    op.create_foreign_key(
        "tracks_job_id_fkey", "tracks", "jobs", ["job_id"], ["id"], ondelete="SET NULL"
    )
    op.create_check_constraint(
        "tracks_audience", "tracks", "audience IN ('adult', 'children', 'sdh')"
    )
    op.create_check_constraint(
        "tracks_origin", "tracks", "origin IN ('recognised', 'imported', 'translated')"
    )
    op.create_index("tracks_owner_id_id", "tracks", ["owner_id", "id"])
    op.create_index("tracks_owner_id_video_id", "tracks", ["owner_id", "video_id", "id"])
    _create_versions()
    op.drop_column("tracks", "cues")
    op.drop_column("tracks", "quality")
    op.execute(
        """
        UPDATE jobs SET result = json_build_object('track_id', tracks.id)
        FROM tracks WHERE tracks.job_id = jobs.id
        """
    )


def _create_versions() -> None:
    op.create_table(
        "track_versions",
        sa.Column("track_id", sa.UUID, sa.ForeignKey("tracks.id", ondelete="CASCADE"),
                  primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("restored_from", sa.Integer),
        sa.Column("cues", JSONB, nullable=False),
        sa.Column("quality", JSONB, nullable=False),
        sa.Column("created_at", _moment, nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint(
            "change IN ('made', 'edited', 'restored')", name="track_versions_change"
        ),
    )  # fmt: skip
    op.execute(
        """
        INSERT INTO track_versions (track_id, number, change, cues, quality, created_at)
        SELECT id, 1, 'made', cues, quality, created_at FROM tracks
        """
    )
