"""Answers that may be given again."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
