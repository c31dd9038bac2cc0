"""The tables of the jobs schema."""

from sqlalchemy import (
    ARRAY,
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
from shared.db.schedules import schedules_table
from shared.messaging.tables import add_messaging_tables

metadata = MetaData()
add_messaging_tables(metadata)
aliases_table(metadata)
erased_table(metadata)
schedules_table(metadata)

_moment = DateTime(timezone=True)
_now = func.now()

accounts = Table(
    "accounts",
    metadata,
    Column("owner_id", UUID, primary_key=True),
    Column("balance", BigInteger, nullable=False, server_default="0"),
    Column("held", BigInteger, nullable=False, server_default="0"),
    # what of the balance belongs to grants that end
    Column("expiring", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("balance >= 0", name="accounts_balance_not_negative"),
    CheckConstraint("held >= 0", name="accounts_held_not_negative"),
    CheckConstraint("expiring BETWEEN 0 AND balance", name="accounts_expiring"),
)

# Append-only: a trigger refuses changes (see the migration), but for ids of those who are erased.

entries = Table(
    "entries",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("owner_id", UUID, ForeignKey("accounts.owner_id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("balance_after", BigInteger, nullable=False),
    Column("expiring", BigInteger, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False),
    Column("job_id", UUID),
    Column("grant_id", UUID),
    Column("purchase_id", UUID),
    Column("granted_by", UUID),
    Column("created_at", _moment, nullable=False, server_default=_now),
    CheckConstraint(
        "kind IN ('grant', 'hold', 'capture', 'release', 'transfer', 'lapse', 'expire',"
        " 'clawback')",
        name="entries_kind",
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
    # who pays once is given once, however often it is told
    Index(
        "entries_one_purchase",
        "purchase_id",
        unique=True,
        postgresql_where=text("kind = 'grant'"),
    ),
    Index("entries_granted_by", "granted_by", postgresql_where=text("granted_by IS NOT NULL")),
    # the kinds that are rare, for lists of one of them; the others are found among all
    Index(
        "entries_rare",
        "owner_id",
        "kind",
        "id",
        postgresql_where=text("kind NOT IN ('hold', 'capture', 'release')"),
    ),
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
    # what of it belongs to grants that end: the sum of its parts
    Column("expiring", BigInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default="open"),
    Column("expires_at", _moment, nullable=False),
    CheckConstraint("amount > 0", name="holds_amount_positive"),
    CheckConstraint("expiring BETWEEN 0 AND amount", name="holds_expiring"),
    CheckConstraint("state IN ('open', 'captured', 'released')", name="holds_state"),
    Index("holds_owner_id", "owner_id"),
    Index("holds_expires_at", "expires_at", postgresql_where=text("state = 'open'")),
)

grants = Table(
    "grants",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("owner_id", UUID, ForeignKey("accounts.owner_id"), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    # the lowest is spent first
    Column("priority", Integer, nullable=False),
    Column("expires_at", _moment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", _moment, nullable=False, server_default=_now),
    CheckConstraint("amount > 0", name="grants_amount_positive"),
    CheckConstraint("remaining BETWEEN 0 AND amount", name="grants_remaining"),
    Index("grants_owner_id", "owner_id", "id"),
    Index(
        "grants_spendable",
        "owner_id",
        "priority",
        "expires_at",
        "id",
        postgresql_where=text("remaining > 0"),
    ),
    Index("grants_overdue", "expires_at", postgresql_where=text("remaining > 0")),
)

hold_parts = Table(
    "hold_parts",
    metadata,
    Column("job_id", UUID, ForeignKey("holds.job_id", ondelete="CASCADE"), primary_key=True),
    Column("grant_id", UUID, ForeignKey("grants.id"), primary_key=True),
    Column("amount", BigInteger, nullable=False),
    CheckConstraint("amount > 0", name="hold_parts_amount_positive"),
)

purchases = Table(
    "purchases",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("owner_id", UUID, nullable=False),
    Column("package", Text, nullable=False),
    Column("credits", BigInteger, nullable=False),
    # in the currency's smallest unit
    Column("price", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("days", Integer),
    Column("provider", Text, nullable=False),
    # what the provider calls it, and the payment
    Column("reference", Text),
    Column("payment", Text),
    Column("checkout_url", Text),
    Column("state", Text, nullable=False, server_default="open"),
    Column("fault", Text),
    Column("refunded", BigInteger, nullable=False, server_default="0"),
    Column("disputed", BigInteger, nullable=False, server_default="0"),
    Column("dispute", Text),
    # credits to be taken back for these, and what could be
    Column("reclaimed", BigInteger, nullable=False, server_default="0"),
    Column("taken_back", BigInteger, nullable=False, server_default="0"),
    Column("created_at", _moment, nullable=False, server_default=_now),
    Column("checked_at", _moment, nullable=False, server_default=_now),
    Column("paid_at", _moment),
    CheckConstraint("credits > 0 AND price > 0", name="purchases_positive"),
    CheckConstraint(
        "state IN ('open', 'paid', 'failed', 'expired', 'mismatched')", name="purchases_state"
    ),
    CheckConstraint("taken_back BETWEEN 0 AND credits", name="purchases_taken_back"),
    Index("purchases_owner_id", "owner_id", "id"),
    Index("purchases_reference", "reference", unique=True),
    Index("purchases_payment", "payment", unique=True),
    Index("purchases_open", "checked_at", postgresql_where=text("state = 'open'")),
)

proofs = Table(
    "proofs",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("at", _moment, nullable=False, server_default=_now),
    Column("accounts", BigInteger, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("faults", JSONB, nullable=False),
    Index("proofs_at", "at"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("owner_id", UUID, nullable=False),
    Column("type", Text, nullable=False),
    Column("video_id", UUID),
    Column("language", Text),
    Column("request", Text, nullable=False),
    # what two requests for the same job have in common
    Column("same_as", Text),
    Column("status", Text, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("spent", BigInteger),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("attempts_allowed", Integer),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("worker", Text),
    Column("lease_until", _moment),
    # whether its owner waits for it at an open connection, and no worker may take it up
    Column("direct", Boolean, nullable=False, server_default="false"),
    Column("run_after", _moment, nullable=False, server_default=_now),
    # whether `run_after` has come; the sweeper says so
    Column("due", Boolean, nullable=False, server_default="true"),
    Column("error_code", Text),
    Column("error_detail", Text),
    Column("result", Text),
    Column("retry_of", UUID),
    Column("created_at", _moment, nullable=False, server_default=_now),
    Column("started_at", _moment),
    Column("finished_at", _moment),
    Column("revision", Integer, nullable=False, server_default="1"),
    CheckConstraint(
        "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="jobs_status"
    ),
    Index("jobs_owner_id_id", "owner_id", "id"),
    Index("jobs_owner_id_video_id", "owner_id", "video_id", "id"),
    Index(
        "jobs_queued",
        "owner_id",
        text("priority DESC"),
        "run_after",
        "id",
        postgresql_where=text("status = 'queued' AND due"),
    ),
    Index(
        "jobs_scheduled",
        "run_after",
        postgresql_where=text("status = 'queued' AND NOT due"),
    ),
    Index("jobs_running", "owner_id", postgresql_where=text("status = 'running'")),
    Index("jobs_direct", "owner_id", postgresql_where=text("status = 'running' AND direct")),
    Index(
        "jobs_texts_again",
        "owner_id",
        "same_as",
        "finished_at",
        postgresql_where=text("type = 'text' AND status = 'succeeded' AND same_as IS NOT NULL"),
    ),
    Index(
        "jobs_texts_kept",
        "finished_at",
        postgresql_where=text("""type = 'text' AND request <> '{"type":"text"}'"""),
    ),
    Index(
        "jobs_succeeded",
        "finished_at",
        postgresql_where=text("status = 'succeeded' AND NOT direct"),
    ),
    Index("jobs_lease_until", "lease_until", postgresql_where=text("status = 'running'")),
    # the same job is never under way, and charged, twice
    Index(
        "jobs_one_under_way",
        "owner_id",
        "type",
        "same_as",
        unique=True,
        postgresql_where=text("status IN ('queued', 'running')"),
    ),
    Index(
        "jobs_video_under_way",
        "video_id",
        postgresql_where=text("status IN ('queued', 'running')"),
    ),
)

# How many jobs of each owner wait and run, kept by a trigger on `jobs`; `turn` grows each time that
# one of them is taken up, so that whoever was served longest ago is first.
lanes = Table(
    "lanes",
    metadata,
    Column("owner_id", UUID, primary_key=True),
    Column("waiting", Integer, nullable=False),
    Column("running", Integer, nullable=False),
    Column("turn", BigInteger, nullable=False),
    Index("lanes_waiting", "running", "turn", postgresql_where=text("waiting > 0")),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("owner_id", UUID, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
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
    Column("has_picture", Boolean, nullable=False, server_default=text("true")),
    Index("videos_owner_id", "owner_id"),
)

parts = Table(
    "parts",
    metadata,
    Column("job_id", UUID, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    # what a worker who helps needs to know of the job
    Column("video_id", UUID, nullable=False),
    Column("language", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("starts", Double, nullable=False),
    Column("ends", Double, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("worker", Text),
    # of a part that waits: nobody takes it up before
    Column("lease_until", _moment),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("heard", Text),
    CheckConstraint("starts < ends", name="parts_bounds"),
    CheckConstraint("state IN ('waiting', 'running', 'done')", name="parts_state"),
    CheckConstraint("(state = 'done') = (heard IS NOT NULL)", name="parts_heard"),
    Index("parts_open", "job_id", "number", postgresql_where=text("state <> 'done'")),
)

tracks = Table(
    "tracks",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("owner_id", UUID, nullable=False),
    # videos go after some days, and the tracks stay
    Column("video_id", UUID, nullable=False),
    Column("job_id", UUID, ForeignKey("jobs.id", ondelete="SET NULL"), unique=True),
    Column("source_id", UUID),
    Column("language", Text, nullable=False),
    Column("audience", Text, nullable=False, server_default="adult"),
    Column("origin", Text, nullable=False, server_default="recognised"),
    Column("transcript", JSONB, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", _moment, nullable=False, server_default=_now),
    Column("updated_at", _moment, nullable=False, server_default=_now),
    CheckConstraint("audience IN ('adult', 'children', 'sdh')", name="tracks_audience"),
    CheckConstraint("origin IN ('recognised', 'imported', 'translated')", name="tracks_origin"),
    Index("tracks_owner_id_id", "owner_id", "id"),
    Index("tracks_owner_id_video_id", "owner_id", "video_id", "id"),
)

track_versions = Table(
    "track_versions",
    metadata,
    Column("track_id", UUID, ForeignKey("tracks.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("change", Text, nullable=False),
    Column("restored_from", Integer),
    Column("cues", JSONB, nullable=False),
    Column("quality", JSONB, nullable=False),
    Column("created_at", _moment, nullable=False, server_default=_now),
    CheckConstraint("change IN ('made', 'edited', 'restored')", name="track_versions_change"),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("owner_id", UUID, nullable=False),
    Column("url", Text, nullable=False),
    Column("events", ARRAY(Text), nullable=False),
    Column("description", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("disabled_reason", Text),
    # the first failure since the last success
    Column("failing_since", _moment),
    Column("secret", LargeBinary, nullable=False),
    Column("old_secret", LargeBinary),
    Column("old_secret_until", _moment),
    Column("created_at", _moment, nullable=False),
    CheckConstraint("disabled_reason IS NULL OR NOT enabled", name="webhooks_disabled_reason"),
    Index("webhooks_owner_id_id", "owner_id", "id"),
)

# What endpoints of webhooks are told, made by a trigger on `jobs` in the transaction that changes
# the status. While one is sent, `due_at` is the end of its lease; `tries` counts since it was last
# asked for, `attempts` all there were.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", UUID, primary_key=True, server_default=func.gen_random_uuid()),
    Column("webhook_id", UUID, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("event", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="pending"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("due_at", _moment, nullable=False, server_default=_now),
    Column("attempted_at", _moment),
    Column("status_code", Integer),
    Column("error", Text),
    Column("duration_ms", Integer),
    Column("created_at", _moment, nullable=False, server_default=_now),
    CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="webhook_deliveries_state"),
    Index("webhook_deliveries_webhook_id", "webhook_id", "created_at", "id"),
    Index(
        "webhook_deliveries_pending",
        "webhook_id",
        "due_at",
        postgresql_where=text("state = 'pending'"),
    ),
    Index("webhook_deliveries_created_at", "created_at"),
)
