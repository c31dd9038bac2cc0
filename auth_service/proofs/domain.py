"""Proofs of who somebody is, beyond what they have shown already."""

from typing import NamedTuple

from auth_service.passkeys.credentials import UsedCredential
from auth_service.recovery_codes.domain import normal_form
from auth_service.totp.domain import checked_code
from shared.errors import FieldError, Forbidden, Invalid

MAX_ATTEMPTS = 5
"""Tries for one challenge of a log-in."""


class ProofRefused(Forbidden):
    """The password, the code or the passkey is not the caller's, or not good any more."""

    code, title = "proof_refused", "This does not prove who you are"


class SecondFactorNeeded(Forbidden):
    """The account has a second factor, so that its password alone proves nothing."""

    code, title = "second_factor_needed", "Your password is not enough; use your second factor"


class Given(NamedTuple):
    """One second factor, as it was sent; made by `checked`."""

    code: str | None = None
    recovery_code: str | None = None
    passkey: UsedCredential | None = None

    @property
    def field(self) -> str:
        """The name of the one that was given."""
        return next(name for name, value in self._asdict().items() if value is not None)

    @classmethod
    def checked(
        cls, code: str | None, recovery_code: str | None, passkey: UsedCredential | None
    ) -> "Given":
        """Exactly one, in its normal form; raises `Invalid`."""
        check_one(code=code, recovery_code=recovery_code, passkey=passkey)
        return cls(
            None if code is None else checked_code(code),
            None if recovery_code is None else normal_form(recovery_code),
            passkey,
        )


def check_one(**proofs: object) -> None:
    """Raises `Invalid` unless exactly one was sent."""
    sent = [name for name, value in proofs.items() if value is not None]
    if not sent:
        message = f"is required, or one of: {', '.join(list(proofs)[1:])}"
        raise Invalid(errors=(FieldError(next(iter(proofs)), message),))
    if len(sent) > 1:
        errors = [FieldError(name, f"cannot be sent together with {sent[0]}") for name in sent[1:]]
        raise Invalid(errors=tuple(errors))
