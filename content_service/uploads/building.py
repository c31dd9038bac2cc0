"""Composes uploads: beginning, sending, finishing what was left behind, forgetting."""

from datetime import timedelta

from content_service.feature import Base
from content_service.uploads.digests import Digests
from content_service.uploads.endpoints import UploadEndpoints
from content_service.uploads.finish import FinishDue, FinishUpload, RemoveUpload
from content_service.uploads.holds import Holds
from content_service.uploads.receive import ReceivePart
from content_service.uploads.use_cases import (
    CreateUpload,
    FindUpload,
    ForgetUploads,
    TerminateUpload,
)
from shared.runtime.feature import Feature
from shared.runtime.periodic import periodic

_SECONDS_BETWEEN_FINISHES = 10.0
_SECONDS_BETWEEN_FORGETTING = 3600.0


def build(base: Base) -> Feature:
    """Uploads that can be resumed."""
    database, clock, reception = base.database, base.clock, base.reception
    lifetime = timedelta(hours=base.settings.upload_hours)
    digests, holds = Digests(), Holds(database, clock)
    remove = RemoveUpload(reception, digests)
    finish = FinishUpload(reception, digests, remove)
    find = FindUpload(database, clock, holds)
    return Feature(
        endpoints=(
            UploadEndpoints(
                base.settings.upload_max_bytes,
                CreateUpload(reception, lifetime),
                ReceivePart(reception, holds, digests, finish, lifetime),
                find,
                TerminateUpload(find, holds, remove),
            ),
        ),
        components=(
            periodic("upload-finisher", _SECONDS_BETWEEN_FINISHES, FinishDue(holds, finish)),
            periodic(
                "upload-forgetter", _SECONDS_BETWEEN_FORGETTING, ForgetUploads(database, clock)
            ),
        ),
    )
