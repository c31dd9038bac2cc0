"""Composes deletion and erasure."""

from datetime import timedelta

from auth_service.feature import Base, Feature
from auth_service.privacy.endpoints import DeletionEndpoints
from auth_service.privacy.eraser import Eraser
from auth_service.privacy.use_cases import AskForDeletion, CancelDeletion, EraseDue
from shared.runtime.service import Component


def build(base: Base) -> Feature:
    """Deletion at the wish of its owner, and what makes it come true."""
    eraser = Eraser(EraseDue(base.database, base.erase_user, base.clock))
    ask = AskForDeletion(
        base.database,
        base.end_sessions,
        base.write_letter,
        base.clock,
        timedelta(days=base.settings.account_deletion_days),
        eraser.wake,
    )
    endpoints = DeletionEndpoints(
        base.require_recent, ask, CancelDeletion(base.database, base.clock)
    )
    return Feature(endpoints=(endpoints,), components=(Component("eraser", eraser.run),))
