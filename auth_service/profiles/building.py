"""Composes profiles."""

from auth_service.accounts.use_cases import ReadAccount
from auth_service.feature import Base
from auth_service.profiles.avatars import SECONDS_BETWEEN_SWEEPS, Avatars, AvatarSweeper
from auth_service.profiles.endpoints import ProfileEndpoints
from auth_service.profiles.use_cases import ChangeProfile, SaveProfile, SetAvatar
from shared.runtime.feature import Feature
from shared.runtime.periodic import periodic


def build(base: Base) -> Feature:
    """The caller's profile, and everybody's avatars."""
    save = SaveProfile(base.database, base.write_letter, base.clock)
    avatars = Avatars(base.storage)
    sweeper = AvatarSweeper(base.storage, avatars, base.database, base.clock)
    endpoints = ProfileEndpoints(
        ReadAccount(base.database), ChangeProfile(save), SetAvatar(save, avatars), avatars
    )
    return Feature(
        endpoints=(endpoints,),
        components=(periodic("avatar-sweeper", SECONDS_BETWEEN_SWEEPS, sweeper.sweep),),
    )
