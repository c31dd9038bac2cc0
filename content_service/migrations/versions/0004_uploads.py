"""Uploads that can be resumed."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
