"""Webhooks and their deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_NOW = sa.text("now()")


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
    op.create_table(
        "webhooks",
        sa.Column("id", sa.UUID, primary_key=True),
        sa.Column("owner_id", sa.UUID, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("events", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("disabled_reason", sa.Text),
        sa.Column("failing_since", sa.DateTime(timezone=True)),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("old_secret", sa.LargeBinary),
        sa.Column("old_secret_until", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "disabled_reason IS NULL OR NOT enabled", name="webhooks_disabled_reason"
        ),
    )
    op.create_index("webhooks_owner_id_id", "webhooks", ["owner_id", "id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.UUID, primary_key=True, server_default=sa.text("gen_random_uuid()")),
        sa.Column(
            "webhook_id", sa.UUID, sa.ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="pending"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("attempted_at", sa.DateTime(timezone=True)),
        sa.Column("status_code", sa.Integer),
        sa.Column("error", sa.Text),
        sa.Column("duration_ms", sa.Integer),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.CheckConstraint(
            "state IN ('pending', 'delivered', 'failed')", name="webhook_deliveries_state"
        ),
    )
    op.create_index(
        "webhook_deliveries_webhook_id", "webhook_deliveries", ["webhook_id", "created_at", "id"]
    )
    op.create_index(
        "webhook_deliveries_pending",
        "webhook_deliveries",
        ["webhook_id", "due_at"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index("webhook_deliveries_created_at", "webhook_deliveries", ["created_at"])
    op.execute(_TELL_WEBHOOKS)
    op.execute(
        """
        CREATE TRIGGER jobs_tell_webhooks AFTER UPDATE OF status ON jobs
        FOR EACH ROW WHEN (OLD.status <> NEW.status AND NEW.status <> 'queued')
        EXECUTE FUNCTION tell_webhooks()
        """
    )


# What `data` says is a public contract (`JobData` in webhooks/schemas.py): fields are only added.
_TELL_WEBHOOKS = """
CREATE FUNCTION tell_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    happened CONSTANT text :=
        'jobs.job.' || CASE NEW.status WHEN 'running' THEN 'started' ELSE NEW.status END;
    moment CONSTANT text := 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"';
BEGIN
    INSERT INTO webhook_deliveries (webhook_id, event, data)
    SELECT webhooks.id, happened, json_build_object(
        'id', NEW.id,
        'type', NEW.type,
        'video_id', NEW.video_id,
        'language', NEW.language,
        'status', NEW.status,
        'credits', NEW.price,
        'spent', NEW.spent,
        'attempt', NEW.attempt,
        'created_at', to_char(NEW.created_at AT TIME ZONE 'UTC', moment),
        'started_at', to_char(NEW.started_at AT TIME ZONE 'UTC', moment),
        'finished_at', to_char(NEW.finished_at AT TIME ZONE 'UTC', moment),
        'error', CASE WHEN NEW.error_code IS NOT NULL THEN
            json_build_object('code', NEW.error_code, 'detail', left(NEW.error_detail, 2000))
        END,
        'retry_of', NEW.retry_of,
        'revision', NEW.revision
    )
    FROM webhooks
    WHERE webhooks.owner_id = NEW.owner_id
      AND webhooks.enabled AND happened = ANY (webhooks.events)
    -- whoever removes one meanwhile is waited for, and what is gone is not told: the foreign key
    -- would refuse its delivery, and with it the end of the job
    FOR KEY SHARE;
    RETURN NULL;
END $$
"""
