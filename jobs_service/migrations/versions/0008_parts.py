"""Parts of long videos."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
