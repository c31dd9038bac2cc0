"""Jobs of any kind, and whose turn it is."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
