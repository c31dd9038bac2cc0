"""Factors on the wire."""

from datetime import datetime

import msgspec

from auth_service.factors.use_cases import Factors
from auth_service.passkeys.schemas import EXAMPLE_PASSKEY, PasskeyView


class TotpView(msgspec.Struct, frozen=True):
    """An authenticator app that counts."""

    confirmed_at: datetime


class FactorsView(msgspec.Struct, frozen=True):
    """Everything that an account has beside its password, without any secret."""

    totp: TotpView | None
    passkeys: tuple[PasskeyView, ...]
    recovery_codes_left: int

    @classmethod
    def of(cls, factors: Factors) -> "FactorsView":
        """The view of `factors`."""
        confirmed_at = factors.totp.confirmed_at if factors.totp else None
        return cls(
            TotpView(confirmed_at) if confirmed_at else None,
            tuple(PasskeyView.of(one) for one in factors.passkeys),
            factors.recovery_codes_left,
        )


EXAMPLE_FACTORS = FactorsView(TotpView(EXAMPLE_PASSKEY.created_at), (EXAMPLE_PASSKEY,), 10)
