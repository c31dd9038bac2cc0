"""Composes recovery codes."""

from auth_service.factors.notices import TellOfFactors
from auth_service.feature import Base
from auth_service.recovery_codes.domain import CodeHasher
from auth_service.recovery_codes.endpoints import RecoveryCodeEndpoints
from auth_service.recovery_codes.use_cases import MakeRecoveryCodes, RenewRecoveryCodes
from shared.runtime.feature import Feature
from shared.security.keys import derive_key


def build(base: Base) -> Feature:
    """Renewing them; the first come with the first factor, and `proofs` use them."""
    make = MakeRecoveryCodes(hasher_of(base), base.clock)
    renew = RenewRecoveryCodes(base.database, make, TellOfFactors(base.write_letter, base.clock))
    return Feature(endpoints=(RecoveryCodeEndpoints(renew, base.require_recent),))


def hasher_of(base: Base) -> CodeHasher:
    """What makes the hashes of this installation's codes."""
    return CodeHasher(derive_key(base.secret, "recovery-codes"))
