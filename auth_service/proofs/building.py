"""Composes the use of second factors."""

from auth_service.feature import Base
from auth_service.passkeys.building import ask_for_passkey, party_of, use_passkey
from auth_service.proofs.endpoints import ReauthenticationEndpoints, SecondFactorEndpoints
from auth_service.proofs.second_factor import AskForSecondPasskey, LogInWithSecondFactor
from auth_service.proofs.step_up import AskForOwnPasskey, Reauthenticate
from auth_service.proofs.use_cases import UseFactor
from auth_service.recovery_codes.building import hasher_of
from auth_service.recovery_codes.use_cases import UseRecoveryCode
from auth_service.totp.building import use_totp
from shared.runtime.feature import Feature


def build(base: Base) -> Feature:
    """The second step of a log-in, and the proofs that dangerous acts ask for."""
    database, clock, party, ask = base.database, base.clock, party_of(base), ask_for_passkey(base)
    use_factor = UseFactor(
        use_totp(base), UseRecoveryCode(hasher_of(base), clock), use_passkey(base), clock
    )
    log_in = LogInWithSecondFactor(database, use_factor, base.delays, base.admit, clock)
    reauthenticate = Reauthenticate(database, base.passwords, use_factor, base.delays, clock)
    second_passkey = AskForSecondPasskey(database, ask, clock)
    return Feature(
        endpoints=(
            SecondFactorEndpoints(log_in, second_passkey, base.delivery, party),
            ReauthenticationEndpoints(reauthenticate, AskForOwnPasskey(ask), party),
        )
    )
