"""Accounts, sessions with their refresh tokens, and signing keys."""

import sqlalchemy as sa
from alembic import op

from shared.messaging.tables import create_messaging_tables

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the first tables of the schema."""
    create_messaging_tables(op)
    _users()
    _sessions()
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("sealed_private_key", sa.LargeBinary, nullable=False),
        sa.Column("signs_from", _MOMENT, nullable=False),
        sa.Column("retires_at", _MOMENT),
    )


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.UUID, primary_key=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("handle", sa.Text, nullable=False),
        sa.Column("handle_key", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("roles", sa.ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("revision", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("created_at", _MOMENT, nullable=False),
    )
    op.create_index("users_email_key", "users", ["email_key"], unique=True)
    op.create_index("users_handle_key", "users", ["handle_key"], unique=True)


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.UUID, primary_key=True),
        sa.Column(
            "user_id", sa.UUID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("revoked_at", _MOMENT),
        sa.Column("revoked_because", sa.Text),
    )
    op.create_index("sessions_user", "sessions", ["user_id"])
    op.create_index(
        "sessions_revoked",
        "sessions",
        ["revoked_at"],
        postgresql_where=sa.text("revoked_at IS NOT NULL"),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column(
            "session_id", sa.UUID, sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("used_at", _MOMENT),
    )
    op.create_index("refresh_tokens_session", "refresh_tokens", ["session_id"])
    op.create_index("refresh_tokens_expiry", "refresh_tokens", ["expires_at"])
