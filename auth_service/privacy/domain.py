"""Deletion: asked for, taken back, or come true."""

from shared.errors import Conflict


class DeletionNotAsked(Conflict):
    """There is nothing to take back."""

    code, title = "deletion_not_asked", "Your account is not to be deleted"
