"""The three tables that every service has in its own schema, and the SQL that makes them.

The schema is found through the role's search path, so none of them names it.
"""

from typing import Protocol

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)

_NOW = text("now()")


def outbox_table(metadata: MetaData) -> Table:
    """Announced events that the broker has not confirmed yet; `envelope` is JSON."""
    return Table(
        "outbox",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("envelope", Text, nullable=False),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("due_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
        Index("outbox_due", "due_at", "id"),
    )


def inbox_table(metadata: MetaData) -> Table:
    """Which subscription has handled which event."""
    return Table(
        "inbox",
        metadata,
        Column("subscription", Text, nullable=False),
        Column("event_id", Uuid, nullable=False),
        Column("handled_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
        PrimaryKeyConstraint("subscription", "event_id"),
        Index("inbox_handled", "handled_at"),
    )


def dead_letters_table(metadata: MetaData) -> Table:
    """Events that a subscription gave up on; the in-process broker parks them here."""
    return Table(
        "dead_letters",
        metadata,
        Column("subscription", Text, nullable=False),
        Column("event_id", Uuid, nullable=False),
        Column("envelope", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("parked_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
        PrimaryKeyConstraint("subscription", "event_id"),
        Index("dead_letters_parked", "subscription", "parked_at"),
    )


def add_messaging_tables(metadata: MetaData) -> None:
    """Make the three known to a service's own metadata, for `alembic check`."""
    outbox_table(metadata)
    inbox_table(metadata)
    dead_letters_table(metadata)


class Operations(Protocol):
    """The part of Alembic's `op` that is used here."""

    def execute(self, sqltext: str) -> None:
        """Run one statement."""
        ...


# Frozen: migrations that have run do not change. A later change of the tables gets a function
# of its own and a new migration in each service. Both queues are emptied as fast as they fill,
# so vacuum follows the number of dead rows instead of a share of the table.
_FIRST_VERSION = (
    """
    CREATE TABLE outbox (
        id uuid PRIMARY KEY,
        envelope text NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        due_at timestamptz NOT NULL DEFAULT now()
    ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)
    """,
    "CREATE INDEX outbox_due ON outbox (due_at, id)",
    """
    CREATE TABLE inbox (
        subscription text NOT NULL,
        event_id uuid NOT NULL,
        handled_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (subscription, event_id)
    )
    """,
    "CREATE INDEX inbox_handled ON inbox (handled_at)",
    """
    CREATE TABLE dead_letters (
        subscription text NOT NULL,
        event_id uuid NOT NULL,
        envelope text NOT NULL,
        reason text NOT NULL,
        attempts integer NOT NULL,
        parked_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (subscription, event_id)
    )
    """,
    "CREATE INDEX dead_letters_parked ON dead_letters (subscription, parked_at)",
)


def create_messaging_tables(op: Operations) -> None:
    """Make outbox, inbox and dead letters; for the first migration of a service."""
    for statement in _FIRST_VERSION:
        op.execute(statement)
