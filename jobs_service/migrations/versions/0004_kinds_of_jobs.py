"""Jobs of any kind, and whose turn it is."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_UNDER_WAY = sa.text("status IN ('queued', 'running')")


def upgrade() -> None:
    """Jobs keep what was asked for and what came of it, whatever their kind."""
    op.alter_column("jobs", "video_id", nullable=True)
    op.alter_column("jobs", "language", nullable=True)
    op.add_column("jobs", sa.Column("request", sa.Text))
    op.add_column("jobs", sa.Column("same_as", sa.Text))
    op.add_column("jobs", sa.Column("spent", sa.BigInteger))
    op.add_column("jobs", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("due", sa.Boolean, nullable=False, server_default=sa.true()))
    op.add_column("jobs", sa.Column("attempts_allowed", sa.Integer))
    op.add_column("jobs", sa.Column("result", sa.Text))
    op.add_column("jobs", sa.Column("retry_of", sa.UUID))
    op.execute(
        """
        UPDATE jobs SET
            request = json_build_object('type', type, 'video_id', video_id, 'language', language),
            same_as = video_id || ' ' || language,
            spent = CASE status WHEN 'succeeded' THEN price WHEN 'failed' THEN 0 END
        """
    )
    op.alter_column("jobs", "request", nullable=False)
    op.drop_index("jobs_one_under_way", "jobs")
    op.create_index(
        "jobs_one_under_way",
        "jobs",
        ["owner_id", "type", "same_as"],
        unique=True,
        postgresql_where=_UNDER_WAY,
    )
    op.drop_index("jobs_queued", "jobs")
    op.create_index(
        "jobs_queued",
        "jobs",
        ["owner_id", sa.text("priority DESC"), "run_after", "id"],
        postgresql_where=sa.text("status = 'queued' AND due"),
    )
    op.create_index(
        "jobs_scheduled",
        "jobs",
        ["run_after"],
        postgresql_where=sa.text("status = 'queued' AND NOT due"),
    )
    op.create_index(
        "jobs_succeeded",
        "jobs",
        ["finished_at"],
        postgresql_where=sa.text("status = 'succeeded'"),
    )
    op.create_index("jobs_owner_id_video_id", "jobs", ["owner_id", "video_id", "id"])
    op.drop_column("idempotency_keys", "job_id")
    _lanes()


def _lanes() -> None:
    op.create_table(
        "lanes",
        sa.Column("owner_id", sa.UUID, primary_key=True),
        sa.Column("waiting", sa.Integer, nullable=False),
        sa.Column("running", sa.Integer, nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False),
    )
    op.create_index(
        "lanes_waiting",
        "lanes",
        ["running", "turn"],
        postgresql_where=sa.text("waiting > 0"),
    )
    op.execute("CREATE SEQUENCE lanes_turns CACHE 1")
    op.execute(
        """
        INSERT INTO lanes
        SELECT owner_id, count(*) FILTER (WHERE status = 'queued'),
               count(*) FILTER (WHERE status = 'running'), 0
        FROM jobs GROUP BY owner_id
        """
    )
    op.execute(_KEEP_LANES)
    # at the commit, and so after everything else that a transaction locks: whoever changes jobs of
    # several owners takes their lanes last, and for a moment
    op.execute(
        """
        CREATE CONSTRAINT TRIGGER jobs_keep_lanes
        AFTER INSERT OR DELETE OR UPDATE OF status, owner_id, due ON jobs
        DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION keep_lanes()
        """
    )


_KEEP_LANES = """
CREATE FUNCTION keep_lanes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    waited int := 0;
    ran int := 0;
    waits int := 0;
    runs int := 0;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        waited := (OLD.status = 'queued' AND OLD.due)::int;
        ran := (OLD.status = 'running')::int;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        waits := (NEW.status = 'queued' AND NEW.due)::int;
        runs := (NEW.status = 'running')::int;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.owner_id = NEW.owner_id THEN
        IF waits <> waited OR runs <> ran THEN
            UPDATE lanes SET
                waiting = waiting + waits - waited,
                running = running + runs - ran,
                turn = CASE WHEN runs > ran THEN nextval('lanes_turns') ELSE turn END
            WHERE owner_id = NEW.owner_id;
        END IF;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        UPDATE lanes SET waiting = waiting - waited, running = running - ran
        WHERE owner_id = OLD.owner_id;
        DELETE FROM lanes WHERE owner_id = OLD.owner_id AND waiting = 0 AND running = 0;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO lanes VALUES (NEW.owner_id, waits, runs, nextval('lanes_turns'))
        ON CONFLICT (owner_id) DO UPDATE SET
            waiting = lanes.waiting + waits, running = lanes.running + runs;
    END IF;
    RETURN NULL;
END $$
"""
