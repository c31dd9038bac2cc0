"""Grants that end, purchases, and proofs."""

from alembic import op

from shared.db.schedules import create_schedules

revision = "0005"
down_revision = "0004"

_ACCOUNTS = (
    """
    ALTER TABLE accounts
        ADD COLUMN expiring bigint NOT NULL DEFAULT 0,
        ADD CONSTRAINT accounts_expiring CHECK (expiring BETWEEN 0 AND balance)
    """,
    "ALTER TABLE entries DROP CONSTRAINT entries_kind",
    """
    ALTER TABLE entries
        ADD COLUMN expiring bigint NOT NULL DEFAULT 0,
        ADD COLUMN grant_id uuid,
        ADD COLUMN purchase_id uuid,
        ADD COLUMN granted_by uuid,
        ADD CONSTRAINT entries_kind CHECK (kind IN (
            'grant', 'hold', 'capture', 'release', 'transfer', 'lapse', 'expire', 'clawback'
        ))
    """,
    "CREATE UNIQUE INDEX entries_one_purchase ON entries (purchase_id) WHERE kind = 'grant'",
    "CREATE INDEX entries_granted_by ON entries (granted_by) WHERE granted_by IS NOT NULL",
    """
    CREATE INDEX entries_rare ON entries (owner_id, kind, id)
    WHERE kind NOT IN ('hold', 'capture', 'release')
    """,
)

# An entry never changes. The one thing that is let through is that an id is forgotten: that of
# somebody who has been erased, which `shared.db.aliases` remembers by this hash.
_APPEND_ONLY = (
    """
    CREATE FUNCTION is_erased(id uuid) RETURNS boolean LANGUAGE sql STABLE
    SET search_path FROM CURRENT AS $$
        SELECT EXISTS (
            SELECT FROM erased
            WHERE hash = sha256(convert_to('madang erased owner ', 'UTF8') || uuid_send(id))
        )
    $$
    """,
    """
    CREATE FUNCTION refuse_change_of_entries() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF to_jsonb(NEW) - 'owner_id' - 'granted_by' = to_jsonb(OLD) - 'owner_id' - 'granted_by'
                AND (NEW.owner_id = OLD.owner_id OR is_erased(OLD.owner_id))
                AND (
                    NEW.granted_by IS NOT DISTINCT FROM OLD.granted_by
                    OR NEW.granted_by IS NULL AND is_erased(OLD.granted_by)
                )
            THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION 'entries are append-only';
    END
    $$
    """,
    """
    CREATE TRIGGER entries_are_append_only BEFORE UPDATE OR DELETE ON entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_entries()
    """,
    """
    CREATE TRIGGER entries_are_not_emptied BEFORE TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_entries()
    """,
)

_GRANTS = (
    """
    CREATE TABLE grants (
        id uuid PRIMARY KEY,
        owner_id uuid NOT NULL REFERENCES accounts (owner_id),
        amount bigint NOT NULL CONSTRAINT grants_amount_positive CHECK (amount > 0),
        remaining bigint NOT NULL
            CONSTRAINT grants_remaining CHECK (remaining BETWEEN 0 AND amount),
        priority integer NOT NULL,
        expires_at timestamptz NOT NULL,
        reason text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX grants_owner_id ON grants (owner_id, id)",
    """
    CREATE INDEX grants_spendable ON grants (owner_id, priority, expires_at, id)
    WHERE remaining > 0
    """,
    "CREATE INDEX grants_overdue ON grants (expires_at) WHERE remaining > 0",
    """
    CREATE TABLE hold_parts (
        job_id uuid REFERENCES holds (job_id) ON DELETE CASCADE,
        grant_id uuid REFERENCES grants (id),
        amount bigint NOT NULL CONSTRAINT hold_parts_amount_positive CHECK (amount > 0),
        PRIMARY KEY (job_id, grant_id)
    )
    """,
)

# What was lapsing of a hold is from now on the part of a grant that is over.
_LAPSING = (
    """
    ALTER TABLE holds
        ADD COLUMN expiring bigint NOT NULL DEFAULT 0,
        ADD CONSTRAINT holds_expiring CHECK (expiring BETWEEN 0 AND amount)
    """,
    """
    INSERT INTO grants (id, owner_id, amount, remaining, priority, expires_at, reason)
    SELECT job_id, owner_id, lapsing, 0, 0, now(), 'free credits of another guest'
    FROM holds WHERE state = 'open' AND lapsing > 0
    """,
    """
    INSERT INTO hold_parts (job_id, grant_id, amount)
    SELECT job_id, job_id, lapsing FROM holds WHERE state = 'open' AND lapsing > 0
    """,
    "UPDATE holds SET expiring = lapsing WHERE state = 'open' AND lapsing > 0",
    "ALTER TABLE holds DROP COLUMN lapsing",
)

_PURCHASES = (
    """
    CREATE TABLE purchases (
        id uuid PRIMARY KEY,
        owner_id uuid NOT NULL,
        package text NOT NULL,
        credits bigint NOT NULL,
        price bigint NOT NULL,
        currency text NOT NULL,
        days integer,
        provider text NOT NULL,
        reference text,
        payment text,
        checkout_url text,
        state text NOT NULL DEFAULT 'open' CONSTRAINT purchases_state
            CHECK (state IN ('open', 'paid', 'failed', 'expired', 'mismatched')),
        fault text,
        refunded bigint NOT NULL DEFAULT 0,
        disputed bigint NOT NULL DEFAULT 0,
        dispute text,
        reclaimed bigint NOT NULL DEFAULT 0,
        taken_back bigint NOT NULL DEFAULT 0
            CONSTRAINT purchases_taken_back CHECK (taken_back BETWEEN 0 AND credits),
        created_at timestamptz NOT NULL DEFAULT now(),
        checked_at timestamptz NOT NULL DEFAULT now(),
        paid_at timestamptz,
        CONSTRAINT purchases_positive CHECK (credits > 0 AND price > 0)
    )
    """,
    "CREATE INDEX purchases_owner_id ON purchases (owner_id, id)",
    "CREATE UNIQUE INDEX purchases_reference ON purchases (reference)",
    "CREATE UNIQUE INDEX purchases_payment ON purchases (payment)",
    "CREATE INDEX purchases_open ON purchases (checked_at) WHERE state = 'open'",
)

_PROOFS = (
    """
    CREATE TABLE proofs (
        id uuid PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        accounts bigint NOT NULL,
        seconds double precision NOT NULL,
        faults jsonb NOT NULL
    )
    """,
    "CREATE INDEX proofs_at ON proofs (at)",
)


def upgrade() -> None:
    """Balances stay what they are; entries can no longer be changed."""
    create_schedules(op)
    for statement in (*_ACCOUNTS, *_APPEND_ONLY, *_GRANTS, *_LAPSING, *_PURCHASES, *_PROOFS):
        op.execute(statement)
