"""Composes authenticator apps."""

from auth_service.factors.notices import TellOfFactors
from auth_service.feature import Base
from auth_service.recovery_codes.building import hasher_of
from auth_service.recovery_codes.use_cases import MakeRecoveryCodes
from auth_service.totp.endpoints import TotpEndpoints
from auth_service.totp.use_cases import BeginTotp, ConfirmTotp, RemoveTotp, UseTotp
from shared.runtime.feature import Feature

_BOX = "totp"


def build(base: Base) -> Feature:
    """Setting an app up and taking it away; `proofs` use its codes."""
    tell = TellOfFactors(base.write_letter, base.clock)
    make_codes = MakeRecoveryCodes(hasher_of(base), base.clock)
    box, issuer = base.box(_BOX), base.settings.passkey_rp_name
    return Feature(
        endpoints=(
            TotpEndpoints(
                BeginTotp(base.database, box, issuer, base.clock),
                ConfirmTotp(base.database, box, make_codes, tell, base.clock),
                RemoveTotp(base.database, tell),
                base.require_recent,
            ),
        )
    )


def use_totp(base: Base) -> UseTotp:
    """What takes codes."""
    return UseTotp(base.box(_BOX), base.clock)
