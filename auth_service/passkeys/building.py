"""Composes passkeys."""

from auth_service.factors.notices import TellOfFactors
from auth_service.feature import Base
from auth_service.passkeys.domain import RelyingParty
from auth_service.passkeys.endpoints import PasskeyEndpoints
from auth_service.passkeys.log_in import LogInWithPasskey
from auth_service.passkeys.log_in_endpoints import PasskeyLogInEndpoints
from auth_service.passkeys.use_cases import (
    BeginPasskey,
    ListPasskeys,
    RegisterPasskey,
    RemovePasskey,
    RenamePasskey,
)
from auth_service.passkeys.using import AskForPasskey, UsePasskey
from auth_service.recovery_codes.building import hasher_of
from auth_service.recovery_codes.use_cases import MakeRecoveryCodes
from shared.runtime.feature import Feature

_HERE = "http://127.0.0.1:8000"


def build(base: Base) -> Feature:
    """Registering passkeys and logging in with them; `proofs` use them, too."""
    database, clock, party = base.database, base.clock, party_of(base)
    tell = TellOfFactors(base.write_letter, clock)
    make_codes = MakeRecoveryCodes(hasher_of(base), clock)
    own = PasskeyEndpoints(
        party,
        BeginPasskey(database, party, clock),
        RegisterPasskey(database, party, make_codes, tell, clock),
        ListPasskeys(database),
        RenamePasskey(database),
        RemovePasskey(database, tell),
        base.require_recent,
    )
    log_in = LogInWithPasskey(database, use_passkey(base), base.admit, clock)
    entrance = PasskeyLogInEndpoints(party, ask_for_passkey(base), log_in, base.delivery)
    return Feature(endpoints=(own, entrance))


def party_of(base: Base) -> RelyingParty:
    """Who we are to browsers, by the settings."""
    settings = base.settings
    return RelyingParty.at(
        settings.public_url or _HERE,
        settings.allowed_origins,
        name=settings.passkey_rp_name,
        domain=settings.passkey_rp_id,
    )


def ask_for_passkey(base: Base) -> AskForPasskey:
    """What asks for the use of a passkey."""
    return AskForPasskey(base.database, party_of(base), base.clock)


def use_passkey(base: Base) -> UsePasskey:
    """What takes the answer."""
    return UsePasskey(party_of(base), base.clock)
