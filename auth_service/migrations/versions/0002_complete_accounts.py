"""Profiles, guests, sessions as their users see them, second factors, keys, audit, and the rest."""

from alembic import op

revision = "0002"
down_revision = "0001"

_USERS = (
    "ALTER TABLE users ALTER COLUMN email DROP NOT NULL",
    "ALTER TABLE users ALTER COLUMN email_key DROP NOT NULL",
    "ALTER TABLE users ALTER COLUMN password_hash DROP NOT NULL",
    """
    ALTER TABLE users
        ADD COLUMN email_verified_at timestamptz,
        ADD COLUMN handle_skeleton text,
        ADD COLUMN guest boolean NOT NULL DEFAULT false,
        ADD COLUMN display_name text NOT NULL DEFAULT '',
        ADD COLUMN bio text NOT NULL DEFAULT '',
        ADD COLUMN avatar text,
        ADD COLUMN language text NOT NULL DEFAULT 'en',
        ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC',
        ADD COLUMN suspended_at timestamptz,
        ADD COLUMN suspended_because text,
        ADD COLUMN deletion_due_at timestamptz
    """,
    "UPDATE users SET handle_skeleton = handle_key",
    "ALTER TABLE users ALTER COLUMN handle_skeleton SET NOT NULL",
    "CREATE UNIQUE INDEX users_handle_skeleton ON users (handle_skeleton)",
    "CREATE INDEX users_email_prefix ON users (email_key text_pattern_ops)",
    "CREATE INDEX users_handle_prefix ON users (handle_key text_pattern_ops)",
    "CREATE INDEX users_roles ON users USING gin (roles) WHERE roles <> '{}'",
    "CREATE INDEX users_guests ON users (id) WHERE guest",
    """
    CREATE INDEX users_deletion_due ON users (deletion_due_at)
    WHERE deletion_due_at IS NOT NULL
    """,
)

_SESSIONS = (
    """
    ALTER TABLE sessions
        ADD COLUMN expires_at timestamptz,
        ADD COLUMN last_seen_at timestamptz,
        ADD COLUMN authenticated_at timestamptz,
        ADD COLUMN methods text[],
        ADD COLUMN address text,
        ADD COLUMN user_agent text
    """,
    """
    UPDATE sessions SET
        expires_at = created_at + interval '90 days', last_seen_at = created_at,
        authenticated_at = created_at, methods = '{pwd}', address = '', user_agent = ''
    """,
    """
    ALTER TABLE sessions
        ALTER COLUMN expires_at SET NOT NULL,
        ALTER COLUMN last_seen_at SET NOT NULL,
        ALTER COLUMN authenticated_at SET NOT NULL,
        ALTER COLUMN methods SET NOT NULL,
        ALTER COLUMN address SET NOT NULL,
        ALTER COLUMN user_agent SET NOT NULL
    """,
    "DROP INDEX sessions_user",
    "CREATE INDEX sessions_user ON sessions (user_id, id)",
    "CREATE INDEX sessions_expiry ON sessions (expires_at)",
    """
    CREATE TABLE revocations (
        session_id uuid PRIMARY KEY,
        revoked_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX revocations_revoked_at ON revocations (revoked_at)",
    """
    INSERT INTO revocations (session_id, revoked_at)
    SELECT id, revoked_at FROM sessions WHERE revoked_at IS NOT NULL
    """,
)

_SECRETS = (
    """
    CREATE TABLE tickets (
        hash bytea PRIMARY KEY,
        purpose text NOT NULL,
        user_id uuid REFERENCES users (id) ON DELETE CASCADE,
        data jsonb NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX tickets_user_purpose ON tickets (user_id, purpose)",
    "CREATE INDEX tickets_expiry ON tickets (expires_at)",
    """
    CREATE TABLE failures (
        key bytea PRIMARY KEY,
        count integer NOT NULL,
        last_at timestamptz NOT NULL,
        blocked_until timestamptz NOT NULL
    )
    """,
    "CREATE INDEX failures_last_at ON failures (last_at)",
    """
    CREATE TABLE mails (
        id uuid PRIMARY KEY,
        user_id uuid REFERENCES users (id) ON DELETE CASCADE,
        template text NOT NULL,
        sealed bytea NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        due_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        handed_over_at timestamptz
    )
    """,
    "CREATE INDEX mails_due ON mails (due_at, id) WHERE handed_over_at IS NULL",
    """
    CREATE INDEX mails_handed_over ON mails (handed_over_at) WHERE handed_over_at IS NOT NULL
    """,
    "CREATE INDEX mails_user ON mails (user_id, created_at)",
)

_FACTORS = (
    """
    CREATE TABLE totp (
        user_id uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
        sealed_secret bytea NOT NULL,
        confirmed_at timestamptz,
        last_step bigint NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE recovery_codes (
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        hash bytea NOT NULL,
        used_at timestamptz,
        PRIMARY KEY (user_id, hash)
    )
    """,
    """
    CREATE TABLE passkeys (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        credential_id bytea NOT NULL,
        public_key bytea NOT NULL,
        sign_count bigint NOT NULL,
        name text NOT NULL,
        transports text[] NOT NULL,
        backed_up boolean NOT NULL,
        created_at timestamptz NOT NULL,
        last_used_at timestamptz
    )
    """,
    "CREATE UNIQUE INDEX passkeys_credential ON passkeys (credential_id)",
    "CREATE INDEX passkeys_user ON passkeys (user_id)",
)

_WAYS_IN = (
    """
    CREATE TABLE identities (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        provider text NOT NULL,
        subject text NOT NULL,
        email text,
        created_at timestamptz NOT NULL,
        last_used_at timestamptz NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX identities_subject ON identities (provider, subject)",
    "CREATE UNIQUE INDEX identities_user ON identities (user_id, provider)",
    """
    CREATE TABLE api_keys (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        name text NOT NULL,
        prefix text NOT NULL,
        hash bytea NOT NULL,
        scopes text[] NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz,
        last_used_at timestamptz,
        revoked_at timestamptz
    )
    """,
    "CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash)",
    "CREATE INDEX api_keys_user ON api_keys (user_id, id)",
)

# A change of the log is refused to everything but the erasure of a person, which says so first.
_AUDIT = (
    """
    CREATE TABLE audit (
        id uuid PRIMARY KEY,
        at timestamptz NOT NULL,
        action text NOT NULL,
        actor_id uuid,
        subject_id uuid,
        address text NOT NULL,
        user_agent text NOT NULL,
        details jsonb NOT NULL
    )
    """,
    "CREATE INDEX audit_subject ON audit (subject_id, id)",
    "CREATE INDEX audit_actor ON audit (actor_id, id)",
    "CREATE INDEX audit_action ON audit (action, id)",
    """
    CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND current_setting('madang.erasing', true) = 'on' THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'the audit log is append-only';
    END
    $$
    """,
    """
    CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit()
    """,
    """
    CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit()
    """,
)

_EXPORTS = (
    """
    CREATE TABLE exports (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        state text NOT NULL CONSTRAINT exports_state
            CHECK (state IN ('queued', 'ready', 'failed', 'expired')),
        size_bytes bigint,
        reason text,
        attempts integer NOT NULL DEFAULT 0,
        lease_until timestamptz NOT NULL,
        created_at timestamptz NOT NULL,
        finished_at timestamptz,
        expires_at timestamptz
    )
    """,
    "CREATE INDEX exports_user ON exports (user_id, id)",
    "CREATE INDEX exports_to_make ON exports (lease_until) WHERE state = 'queued'",
    "CREATE INDEX exports_to_expire ON exports (expires_at) WHERE state = 'ready'",
    "CREATE UNIQUE INDEX exports_under_way ON exports (user_id) WHERE state = 'queued'",
    "CREATE TABLE removals (key text PRIMARY KEY, due_at timestamptz NOT NULL)",
    "CREATE INDEX removals_due ON removals (due_at)",
)


def upgrade() -> None:
    """Add all of it; the rows that exist stay as they are."""
    for part in (_USERS, _SESSIONS, _SECRETS, _FACTORS, _WAYS_IN, _AUDIT, _EXPORTS):
        for statement in part:
            op.execute(statement)
