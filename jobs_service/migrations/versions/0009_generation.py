"""Texts that are written while their owner waits, and how long they are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
    op.add_column(
        "jobs", sa.Column("direct", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_index(
        "jobs_direct",
        "jobs",
        ["owner_id"],
        postgresql_where=sa.text("status = 'running' AND direct"),
    )
    op.create_index(
        "jobs_texts_again",
        "jobs",
        ["owner_id", "same_as", "finished_at"],
        postgresql_where=sa.text("type = 'text' AND status = 'succeeded' AND same_as IS NOT NULL"),
    )
    op.create_index(
        "jobs_texts_kept",
        "jobs",
        ["finished_at"],
        postgresql_where=sa.text("""type = 'text' AND request <> '{"type":"text"}'"""),
    )
    # the pace of workers is what a place in the queue is reckoned with
    op.drop_index("jobs_succeeded", "jobs")
    op.create_index(
        "jobs_succeeded",
        "jobs",
        ["finished_at"],
        postgresql_where=sa.text("status = 'succeeded' AND NOT direct"),
    )
    # what no worker takes up takes no turn in a lane
    op.execute("DROP TRIGGER jobs_keep_lanes ON jobs")
    _keep_lanes("jobs_keep_lanes", "INSERT OR UPDATE OF status, owner_id, due", "NEW")
    _keep_lanes("jobs_keep_lanes_of_deleted", "DELETE", "OLD")


def _keep_lanes(name: str, when: str, row: str) -> None:
    op.execute(
        f"""
        CREATE CONSTRAINT TRIGGER {name} AFTER {when} ON jobs
        DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NOT {row}.direct) EXECUTE FUNCTION keep_lanes()
        """
    )
