"""The tables of the content schema."""

from sqlalchemy import (
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

from shared.db.aliases import aliases_table, erased_table
from shared.messaging.tables import add_messaging_tables

metadata = MetaData()
add_messaging_tables(metadata)
aliases_table(metadata)
erased_table(metadata)

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
