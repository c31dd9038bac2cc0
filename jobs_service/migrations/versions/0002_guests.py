"""Guests who turned out to be users, and their credits."""

from alembic import op

from shared.db.aliases import create_aliases

revision = "0002"
down_revision = "0001"

_KINDS = (
    "ALTER TABLE entries DROP CONSTRAINT entries_kind",
    """
    ALTER TABLE entries ADD CONSTRAINT entries_kind CHECK (
        kind IN ('grant', 'hold', 'capture', 'release', 'transfer', 'lapse')
    )
    """,
)
_ONCE = (
    "CREATE UNIQUE INDEX entries_one_guest ON entries (owner_id) WHERE reason = 'guest'",
    """
    CREATE UNIQUE INDEX entries_one_adoption ON entries (owner_id)
    WHERE reason = 'adopted with free credits'
    """,
)
_HOLDS = (
    """
    ALTER TABLE holds
        ADD COLUMN lapsing bigint NOT NULL DEFAULT 0,
        ADD CONSTRAINT holds_lapsing CHECK (lapsing BETWEEN 0 AND amount)
    """,
    "CREATE INDEX holds_owner_id ON holds (owner_id)",
)


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
    create_aliases(op)
    for statement in (*_KINDS, *_ONCE, *_HOLDS):
        op.execute(statement)
    op.create_index("videos_owner_id", "videos", ["owner_id"])
