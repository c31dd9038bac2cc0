"""Composes copies of videos."""

from content_service.copies.endpoints import InternalCopyEndpoints
from content_service.copies.use_cases import SECONDS_BETWEEN_FORGETTING, ForgetCopies, KeepCopy
from content_service.feature import Base
from content_service.videos.use_cases import OpenVideo
from shared.runtime.feature import Feature
from shared.runtime.periodic import periodic


def build(base: Base) -> Feature:
    """What jobs make of videos."""
    keep = KeepCopy(base.reception, OpenVideo(base.database, base.storage))
    forget = ForgetCopies(base.database)
    return Feature(
        endpoints=(InternalCopyEndpoints(keep),),
        components=(periodic("copy-forgetter", SECONDS_BETWEEN_FORGETTING, forget),),
    )
