"""The tables of the jobs schema."""

from sqlalchemy import (
    UUID,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.aliases import aliases_table, erased_table
from shared.messaging.tables import add_messaging_tables

metadata = MetaData()
add_messaging_tables(metadata)
aliases_table(metadata)
erased_table(metadata)

_moment = DateTime(timezone=True)
_now = func.now()

accounts = Table(
    "accounts",
    metadata,
    Column("owner_id", UUID, primary_key=True),
    Column("balance", BigInteger, nullable=False, server_default="0"),
    Column("held", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("balance >= 0", name="accounts_balance_not_negative"),
    CheckConstraint("held >= 0", name="accounts_held_not_negative"),
)

entries = Table(
    "entries",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("owner_id", UUID, ForeignKey("accounts.owner_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("balance_after", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("job_id", UUID),
    Column("created_at", _moment, nullable=False, server_default=_now),
    CheckConstraint(
        "kind IN ('grant', 'hold', 'capture', 'release', 'transfer', 'lapse')", name="entries_kind"
    ),
    # a job is held once and resolved once, whatever else goes wrong
    UniqueConstraint("job_id", "kind", name="entries_job_id_kind"),
    Index("entries_owner_id_id", "owner_id", "id"),
    Index(
        "entries_one_welcome",
        "owner_id",
        unique=True,
        postgresql_where=text("reason = 'welcome'"),
    ),
    Index("entries_one_guest", "owner_id", unique=True, postgresql_where=text("reason = 'guest'")),
    # who logs in as the same user again and again, each time as a new guest, gains nothing
    Index(
        "entries_one_adoption",
        "owner_id",
        unique=True,
        postgresql_where=text("reason = 'adopted with free credits'"),
    ),
)

holds = Table(
    "holds",
    metadata,
    Column("job_id", UUID, ForeignKey("jobs.id"), primary_key=True),
    Column("owner_id", UUID, ForeignKey("accounts.owner_id"), nullable=False),
    Column("amount", BigInteger, nullable=False),
    # what of it is nobody's when it is released
    Column("lapsing", BigInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default="open"),
    Column("expires_at", _moment, nullable=False),
    CheckConstraint("amount > 0", name="holds_amount_positive"),
    CheckConstraint("lapsing BETWEEN 0 AND amount", name="holds_lapsing"),
    CheckConstraint("state IN ('open', 'captured', 'released')", name="holds_state"),
    Index("holds_owner_id", "owner_id"),
    Index("holds_expires_at", "expires_at", postgresql_where=text("state = 'open'")),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("owner_id", UUID, nullable=False),
    Column("type", Text, nullable=False),
    Column("video_id", UUID, nullable=False),
    Column("language", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("worker", Text),
    Column("lease_until", _moment),
    Column("run_after", _moment, nullable=False, server_default=_now),
    Column("error_code", Text),
    Column("error_detail", Text),
    Column("created_at", _moment, nullable=False, server_default=_now),
    Column("started_at", _moment),
    Column("finished_at", _moment),
    Column("revision", Integer, nullable=False, server_default="1"),
    CheckConstraint(
        "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="jobs_status"
    ),
    Index("jobs_owner_id_id", "owner_id", "id"),
    Index("jobs_queued", "owner_id", "run_after", "id", postgresql_where=text("status = 'queued'")),
    Index("jobs_running", "owner_id", postgresql_where=text("status = 'running'")),
    Index("jobs_lease_until", "lease_until", postgresql_where=text("status = 'running'")),
    # the same job is never under way, and charged, twice
    Index(
        "jobs_one_under_way",
        "owner_id",
        "type",
        "video_id",
        "language",
        unique=True,
        postgresql_where=text("status IN ('queued', 'running')"),
    ),
    Index(
        "jobs_video_under_way",
        "video_id",
        postgresql_where=text("status IN ('queued', 'running')"),
    ),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("owner_id", UUID, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    Column("job_id", UUID, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("created_at", _moment, nullable=False, server_default=_now),
    Index("idempotency_keys_created_at", "created_at"),
)

videos = Table(
    "videos",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("owner_id", UUID, nullable=False),
    Column("duration_seconds", Double, nullable=False),
    Column("has_audio", Boolean, nullable=False),
    Column("available", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("videos_owner_id", "owner_id"),
)

tracks = Table(
    "tracks",
    metadata,
    Column("job_id", UUID, ForeignKey("jobs.id"), primary_key=True),
    Column("language", Text, nullable=False),
    Column("transcript", JSONB, nullable=False),
    Column("cues", JSONB, nullable=False),
    Column("quality", JSONB, nullable=False),
    Column("created_at", _moment, nullable=False, server_default=_now),
)
