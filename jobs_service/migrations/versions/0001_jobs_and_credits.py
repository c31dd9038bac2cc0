"""Jobs, credits, the copies of videos, and caption tracks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from shared.messaging.tables import create_messaging_tables

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the first tables of the schema."""
    create_messaging_tables(op)
    _credits()
    _jobs()
    op.create_table(
        "videos",
        sa.Column("id", sa.UUID, primary_key=True),
        sa.Column("owner_id", sa.UUID, nullable=False),
        sa.Column("duration_seconds", sa.Double, nullable=False),
        sa.Column("has_audio", sa.Boolean, nullable=False),
        sa.Column("available", sa.Boolean, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )


def _credits() -> None:
    op.create_table(
        "accounts",
        sa.Column("owner_id", sa.UUID, primary_key=True),
        sa.Column("balance", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("held", sa.BigInteger, nullable=False, server_default="0"),
        sa.CheckConstraint("balance >= 0", name="accounts_balance_not_negative"),
        sa.CheckConstraint("held >= 0", name="accounts_held_not_negative"),
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.UUID, primary_key=True),
        sa.Column("owner_id", sa.UUID, sa.ForeignKey("accounts.owner_id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
        sa.Column("balance_after", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("job_id", sa.UUID),
        sa.Column("created_at", _MOMENT, nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("kind IN ('grant', 'hold', 'capture', 'release')", name="entries_kind"),
        sa.UniqueConstraint("job_id", "kind", name="entries_job_id_kind"),
    )
    op.create_index("entries_owner_id_id", "entries", ["owner_id", "id"])
    op.create_index(
        "entries_one_welcome",
        "entries",
        ["owner_id"],
        unique=True,
        postgresql_where=sa.text("reason = 'welcome'"),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.UUID, primary_key=True),
        sa.Column("owner_id", sa.UUID, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("video_id", sa.UUID, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("price", sa.BigInteger, nullable=False),
        sa.Column("progress", sa.Double, nullable=False, server_default="0"),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
        sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("worker", sa.Text),
        sa.Column("lease_until", _MOMENT),
        sa.Column("run_after", _MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Column("error_code", sa.Text),
        sa.Column("error_detail", sa.Text),
        sa.Column("created_at", _MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Column("started_at", _MOMENT),
        sa.Column("finished_at", _MOMENT),
        sa.Column("revision", sa.Integer, nullable=False, server_default="1"),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            name="jobs_status",
        ),
    )
    queued, running = sa.text("status = 'queued'"), sa.text("status = 'running'")
    under_way = sa.text("status IN ('queued', 'running')")
    op.create_index("jobs_owner_id_id", "jobs", ["owner_id", "id"])
    op.create_index("jobs_queued", "jobs", ["owner_id", "run_after", "id"], postgresql_where=queued)
    op.create_index("jobs_running", "jobs", ["owner_id"], postgresql_where=running)
    op.create_index("jobs_lease_until", "jobs", ["lease_until"], postgresql_where=running)
    op.create_index(
        "jobs_one_under_way",
        "jobs",
        ["owner_id", "type", "video_id", "language"],
        unique=True,
        postgresql_where=under_way,
    )
    op.create_index("jobs_video_under_way", "jobs", ["video_id"], postgresql_where=under_way)
    op.create_table(
        "holds",
        sa.Column("job_id", sa.UUID, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("owner_id", sa.UUID, sa.ForeignKey("accounts.owner_id"), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="open"),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.CheckConstraint("amount > 0", name="holds_amount_positive"),
        sa.CheckConstraint("state IN ('open', 'captured', 'released')", name="holds_state"),
    )
    op.create_index(
        "holds_expires_at", "holds", ["expires_at"], postgresql_where=sa.text("state = 'open'")
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("owner_id", sa.UUID, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("job_id", sa.UUID, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False, server_default=sa.func.now()),
    )
    op.create_index("idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.create_table(
        "tracks",
        sa.Column("job_id", sa.UUID, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("transcript", JSONB, nullable=False),
        sa.Column("cues", JSONB, nullable=False),
        sa.Column("quality", JSONB, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False, server_default=sa.func.now()),
    )
