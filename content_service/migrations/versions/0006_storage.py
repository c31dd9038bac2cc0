"""What reconciling found."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Nothing is changed that the code before it uses."""
