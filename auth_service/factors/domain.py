"""Second factors: what somebody has, beside the password that they know."""

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from shared.errors import Conflict, Gone, Unauthenticated


class Factor(StrEnum):
    """A kind of second factor. Recovery codes stand in for the others and are none alone."""

    TOTP = "totp"
    RECOVERY_CODE = "recovery_code"
    PASSKEY = "passkey"


class ChallengeInvalid(Gone):
    """The challenge was never ours, has been used, or is too old; the three look the same."""

    code, title = "challenge_invalid", "This challenge is not valid any more; begin again"


class WrongSecondFactor(Unauthenticated):
    """The code or the passkey is not this account's, or not good any more."""

    code, title = "wrong_second_factor", "The second factor is wrong or was used before"


class NoSecondFactor(Conflict):
    """There is nothing that recovery codes could stand in for."""

    code, title = "no_second_factor", "This account has no second factor"


class LastWayIn(Conflict):
    """Without it, nobody could log in to the account any more."""

    code, title = "last_way_in", "This is the last way to log in to the account"


class WaysIn(NamedTuple):
    """By what an account's owner can log in, without anything else."""

    password: bool
    identities: int
    passkeys: int

    @property
    def total(self) -> int:
        """How many there are."""
        return self.password + self.identities + self.passkeys


def is_two_step(factors: Collection[Factor]) -> bool:
    """Whether a password alone does not let the owner of these factors in."""
    return Factor.TOTP in factors or Factor.PASSKEY in factors


def proofs_of(factors: Collection[Factor], ways: WaysIn) -> tuple[str, ...]:
    """By what somebody with these can prove once more who they are, without a new log-in."""
    if is_two_step(factors):
        return tuple(factors)
    return ("password",) if ways.password else ()
