"""Tracks with versions."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
