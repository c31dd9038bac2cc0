"""The tables of the content schema."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.aliases import aliases_table, erased_table
from shared.db.schedules import schedules_table
from shared.messaging.tables import add_messaging_tables

metadata = MetaData()
add_messaging_tables(metadata)
aliases_table(metadata)
erased_table(metadata)
schedules_table(metadata)

videos = Table(
    "videos",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner_id", Uuid, nullable=False),
    Column("title", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason_code", Text),
    Column("reason_text", Text),
    Column("duration_seconds", Double),
    Column("width", Integer),
    Column("height", Integer),
    Column("video_codec", Text),
    Column("audio_codec", Text),
    Column("has_file", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("lease_until", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("plan", Text, nullable=False, server_default="free"),
    Column("frame_rate", Double),
    Column("poster_bytes", Integer),
    Column("poster_sha256", Text),
    CheckConstraint(
        "state IN ('receiving','stored','probing','ready','rejected','expired','deleted')",
        name="videos_state",
    ),
    CheckConstraint("size_bytes >= 0", name="videos_size"),
    # whatever their state: for what happens to an owner
    Index("videos_owner_id", "owner_id"),
    Index(
        "videos_of_owner",
        "owner_id",
        text("id DESC"),
        postgresql_where=text("state NOT IN ('receiving','deleted')"),
    ),
    Index(
        "videos_kept",
        "owner_id",
        postgresql_include=["size_bytes"],
        postgresql_where=text("state IN ('receiving','stored','probing','ready')"),
    ),
    Index(
        "videos_to_receive",
        "lease_until",
        postgresql_where=text("state = 'receiving'"),
    ),
    Index(
        "videos_to_probe",
        "lease_until",
        postgresql_where=text("state IN ('stored','probing')"),
    ),
    Index(
        "videos_to_expire",
        "expires_at",
        postgresql_where=text("state IN ('stored','probing','ready','rejected')"),
    ),
    Index(
        "videos_to_empty",
        "lease_until",
        postgresql_where=text("has_file AND state IN ('rejected','expired','deleted')"),
    ),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner_id", Uuid, nullable=False),
    Column("length", BigInteger),
    Column("received", BigInteger, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("pieces", ARRAY(Text), nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("writer", Uuid),
    Column("lease_until", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("received BETWEEN 0 AND coalesce(length, received)", name="uploads_received"),
    Index("uploads_owner_id", "owner_id"),
    Index("uploads_to_forget", "expires_at"),
    Index(
        "uploads_to_finish",
        "lease_until",
        postgresql_where=text("received = length AND NOT finished"),
    ),
)

copies = Table(
    "copies",
    metadata,
    Column("job_id", Uuid, primary_key=True),
    Column("video_id", Uuid),
    Column("unwanted", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Index("copies_created_at", "created_at"),
)

reconciliations = Table(
    "reconciliations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("report", JSONB, nullable=False),
    Index("reconciliations_started_at", "started_at"),
)
