"""Those who were erased, by a hash of their id."""

from alembic import op

from shared.db.aliases import create_erased

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
    create_erased(op)
