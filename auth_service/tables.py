"""The tables of auth's schema, found through the role's search path."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.messaging.tables import add_messaging_tables

metadata = MetaData()
add_messaging_tables(metadata)

_moment = DateTime(timezone=True)


def _owner(*, nullable: bool = False, primary_key: bool = False) -> Column[object]:
    owner = ForeignKey("users.id", ondelete="CASCADE")
    return Column("user_id", owner, nullable=nullable, primary_key=primary_key)


users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    # guests have neither address nor password; who came through a social log-in may have either
    Column("email", Text),
    Column("email_key", Text),
    Column("email_verified_at", _moment),
    Column("handle", Text, nullable=False),
    Column("handle_key", Text, nullable=False),
    Column("handle_skeleton", Text, nullable=False),
    Column("password_hash", Text),
    Column("roles", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("guest", Boolean, nullable=False, server_default=text("false")),
    Column("display_name", Text, nullable=False, server_default=text("''")),
    Column("bio", Text, nullable=False, server_default=text("''")),
    Column("avatar", Text),
    Column("language", Text, nullable=False, server_default=text("'en'")),
    Column("time_zone", Text, nullable=False, server_default=text("'UTC'")),
    Column("suspended_at", _moment),
    Column("suspended_because", Text),
    Column("deletion_due_at", _moment),
    Column("revision", Integer, nullable=False, server_default=text("1")),
    Column("created_at", _moment, nullable=False),
    # The keys are what is compared: without case, and one form per character.
    Index("users_email_key", "email_key", unique=True),
    Index("users_handle_key", "handle_key", unique=True),
    # What looks alike is taken, too (Unicode TS 39, 4).
    Index("users_handle_skeleton", "handle_skeleton", unique=True),
    # for searches by the beginning of an address or a handle
    Index("users_email_prefix", "email_key", postgresql_ops={"email_key": "text_pattern_ops"}),
    Index("users_handle_prefix", "handle_key", postgresql_ops={"handle_key": "text_pattern_ops"}),
    Index(
        "users_roles",
        "roles",
        postgresql_using="gin",
        postgresql_where=text("roles <> '{}'"),
    ),
    Index("users_guests", "id", postgresql_where=text("guest")),
    Index(
        "users_deletion_due",
        "deletion_due_at",
        postgresql_where=text("deletion_due_at IS NOT NULL"),
    ),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    _owner(),
    Column("created_at", _moment, nullable=False),
    Column("expires_at", _moment, nullable=False),
    Column("last_seen_at", _moment, nullable=False),
    # when the user last proved who they are, and how: RFC 8176 names such as pwd, otp, hwk, fed
    Column("authenticated_at", _moment, nullable=False),
    Column("methods", ARRAY(Text), nullable=False),
    Column("address", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("revoked_at", _moment),
    Column("revoked_because", Text),
    Index("sessions_user", "user_id", "id"),
    Index("sessions_expiry", "expires_at"),
    Index("sessions_revoked", "revoked_at", postgresql_where=text("revoked_at IS NOT NULL")),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", _moment, nullable=False),
    Column("expires_at", _moment, nullable=False),
    Column("used_at", _moment),
    Index("refresh_tokens_session", "session_id"),
    Index("refresh_tokens_expiry", "expires_at"),
)

# Sessions and API keys whose access tokens are refused while any can be left; such a row outlives
# the session, which goes with its user.
revocations = Table(
    "revocations",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("revoked_at", _moment, nullable=False),
    Index("revocations_revoked_at", "revoked_at"),
)

# Short-lived, single-use secrets: links in mails, challenges, states of social log-ins.
tickets = Table(
    "tickets",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("purpose", Text, nullable=False),
    _owner(nullable=True),
    Column("data", JSONB, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("created_at", _moment, nullable=False),
    Column("expires_at", _moment, nullable=False),
    Index("tickets_user_purpose", "user_id", "purpose"),
    Index("tickets_expiry", "expires_at"),
)

# Failures by a hash of what they were at: an account, an address, or both.
failures = Table(
    "failures",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_at", _moment, nullable=False),
    Column("blocked_until", _moment, nullable=False),
    Index("failures_last_at", "last_at"),
)

# Mails; what they say is sealed, since it holds links, and emptied once they are handed over. That
# they were is remembered for an hour, since nobody gets too many.
mails = Table(
    "mails",
    metadata,
    Column("id", Uuid, primary_key=True),
    _owner(nullable=True),
    Column("template", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", _moment, nullable=False),
    Column("created_at", _moment, nullable=False),
    Column("expires_at", _moment, nullable=False),
    Column("handed_over_at", _moment),
    Index("mails_due", "due_at", "id", postgresql_where=text("handed_over_at IS NULL")),
    Index(
        "mails_handed_over",
        "handed_over_at",
        postgresql_where=text("handed_over_at IS NOT NULL"),
    ),
    Index("mails_user", "user_id", "created_at"),
)

totp = Table(
    "totp",
    metadata,
    _owner(primary_key=True),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("confirmed_at", _moment),
    Column("last_step", BigInteger, nullable=False, server_default=text("0")),
    Column("created_at", _moment, nullable=False),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    _owner(primary_key=True),
    Column("hash", LargeBinary, primary_key=True),
    Column("used_at", _moment),
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Uuid, primary_key=True),
    _owner(),
    Column("credential_id", LargeBinary, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("transports", ARRAY(Text), nullable=False),
    Column("backed_up", Boolean, nullable=False),
    Column("created_at", _moment, nullable=False),
    Column("last_used_at", _moment),
    Index("passkeys_credential", "credential_id", unique=True),
    Index("passkeys_user", "user_id"),
)

identities = Table(
    "identities",
    metadata,
    Column("id", Uuid, primary_key=True),
    _owner(),
    Column("provider", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("email", Text),
    Column("created_at", _moment, nullable=False),
    Column("last_used_at", _moment, nullable=False),
    Index("identities_subject", "provider", "subject", unique=True),
    Index("identities_user", "user_id", "provider", unique=True),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    _owner(),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", _moment, nullable=False),
    Column("expires_at", _moment),
    Column("last_used_at", _moment),
    Column("revoked_at", _moment),
    Index("api_keys_hash", "hash", unique=True),
    Index("api_keys_user", "user_id", "id"),
)

# Append-only: a trigger refuses changes (see the migration).
audit = Table(
    "audit",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", _moment, nullable=False),
    Column("action", Text, nullable=False),
    Column("actor_id", Uuid),
    Column("subject_id", Uuid),
    Column("address", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("details", JSONB, nullable=False),
    Index("audit_subject", "subject_id", "id"),
    Index("audit_actor", "actor_id", "id"),
    Index("audit_action", "action", "id"),
)

exports = Table(
    "exports",
    metadata,
    Column("id", Uuid, primary_key=True),
    _owner(),
    Column("state", Text, nullable=False),
    Column("size_bytes", BigInteger),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("lease_until", _moment, nullable=False),
    Column("created_at", _moment, nullable=False),
    Column("finished_at", _moment),
    Column("expires_at", _moment),
    CheckConstraint("state IN ('queued', 'ready', 'failed', 'expired')", name="exports_state"),
    Index("exports_user", "user_id", "id"),
    Index("exports_to_make", "lease_until", postgresql_where=text("state = 'queued'")),
    Index("exports_to_expire", "expires_at", postgresql_where=text("state = 'ready'")),
    # one at a time
    Index("exports_under_way", "user_id", unique=True, postgresql_where=text("state = 'queued'")),
)

# Files that are to go: see `removals/repository.py`.
removals = Table(
    "removals",
    metadata,
    Column("key", Text, primary_key=True),
    Column("due_at", _moment, nullable=False),
    Index("removals_due", "due_at"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("sealed_private_key", LargeBinary, nullable=False),
    # A key is published before it signs, and signs no more while its last tokens live on.
    Column("signs_from", _moment, nullable=False),
    Column("retires_at", _moment),
)
