"""Jobs of any kind, and whose turn it is."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_UNDER_WAY = sa.text("status IN ('queued', 'running')")


def upgrade() -> None:
    """Jobs keep what was asked for and what came of it, whatever their kind."""
    op.alter_column("jobs", "video_id", nullable=True)
    op.alter_column("jobs", "language", nullable=True)
    op.add_column("jobs", sa.Column("request", sa.Text))
    op.add_column("jobs", sa.Column("same_as", sa.Text))
    op.add_column("jobs", sa.Column("spent", sa.BigInteger))
    op.add_column("jobs", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("attempts_allowed", sa.Integer))
    op.add_column("jobs", sa.Column("result", sa.Text))
    op.add_column("jobs", sa.Column("retry_of", sa.UUID))
    op.execute(
        """
        UPDATE jobs SET
            request = json_build_object('type', type, 'video_id', video_id, 'language', language),
            same_as = video_id || ' ' || language,
            spent = CASE status WHEN 'succeeded' THEN price WHEN 'failed' THEN 0 END
        """
    )
    op.alter_column("jobs", "request", nullable=False)
    op.drop_index("jobs_one_under_way", "jobs")
    op.create_index(
        "jobs_one_under_way",
        "jobs",
        ["owner_id", "type", "same_as"],
        unique=True,
        postgresql_where=_UNDER_WAY,
    )
    op.drop_index("jobs_queued", "jobs")
    op.create_index(
        "jobs_queued",
        "jobs",
        ["owner_id", sa.text("priority DESC"), "run_after", "id"],
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index("jobs_owner_id_video_id", "jobs", ["owner_id", "video_id", "id"])
    op.drop_column("idempotency_keys", "job_id")
