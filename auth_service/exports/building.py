"""Composes exports."""

from auth_service.exports.endpoints import ExportEndpoints
from auth_service.exports.maker import ExportMaker
from auth_service.exports.own_data import OwnData
from auth_service.exports.peers import Peer
from auth_service.exports.use_cases import AskForExport, ExpireExports, FindExport, OpenArchive
from auth_service.feature import Base
from shared.runtime.feature import Feature
from shared.runtime.periodic import periodic
from shared.runtime.service import Component
from shared.storage.scratch import Scratch

SECONDS_BETWEEN_SWEEPS = 60.0


def build(base: Base) -> Feature:
    """Archives of what is known of a user: here, and in every other service."""
    maker = ExportMaker(
        base.database,
        base.storage,
        Scratch("export", base.settings.work_dir),
        (
            OwnData(base.database, base.storage),
            *(Peer(name, client) for name, client in base.peers.items()),
        ),
        base.write_letter,
        base.clock,
    )
    find = FindExport(base.database)
    endpoints = ExportEndpoints(
        base.database,
        base.require_recent,
        AskForExport(base.database, base.clock),
        find,
        OpenArchive(base.database, base.storage, find, base.clock),
        maker.wake,
    )
    return Feature(
        endpoints=(endpoints,),
        components=(
            Component("exports", maker.run),
            periodic(
                "export-sweeper",
                SECONDS_BETWEEN_SWEEPS,
                ExpireExports(base.database, base.clock),
            ),
        ),
        before_start=(maker.scratch.sweep,),
    )
