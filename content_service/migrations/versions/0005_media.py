"""Posters, quotas and plans."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
