"""Composes deletion and erasure."""

import asyncio
from datetime import timedelta

from auth_service.feature import Base
from auth_service.privacy.endpoints import DeletionEndpoints
from auth_service.privacy.use_cases import (
    SECONDS_BETWEEN_LOOKS,
    AskForDeletion,
    CancelDeletion,
    EraseDue,
)
from shared.runtime.feature import Feature
from shared.runtime.periodic import periodic


def build(base: Base) -> Feature:
    """Deletion at the wish of its owner, and what makes it come true."""
    erase_due, woken = EraseDue(base.database, base.erase_user, base.clock), asyncio.Event()
    ask = AskForDeletion(
        base.database,
        base.end_sessions,
        base.write_letter,
        base.clock,
        timedelta(days=base.settings.account_deletion_days),
        woken.set,
    )
    endpoints = DeletionEndpoints(
        base.require_recent, ask, CancelDeletion(base.database, base.clock)
    )
    return Feature(
        endpoints=(endpoints,),
        components=(periodic("eraser", SECONDS_BETWEEN_LOOKS, erase_due, woken),),
    )
