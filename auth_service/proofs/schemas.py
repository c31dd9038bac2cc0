"""Proofs on the wire."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from auth_service.passkeys.credentials import UsedCredential
from auth_service.proofs.domain import Given
from auth_service.sessions.domain import TokenPlace
from auth_service.sessions.schemas import WishedPlace

_Code = Annotated[str, Meta(max_length=16, description="Six digits from an authenticator app.")]
_RecoveryCode = Annotated[str, Meta(max_length=64, description="Such as 4kzm-09qw-7txc.")]
_Challenge = Annotated[
    str, Meta(max_length=128, description="The member of that name in the answer to the log-in.")
]


class SecondFactorRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """The challenge of a log-in, and one of the others."""

    challenge: _Challenge
    code: _Code | None = None
    recovery_code: _RecoveryCode | None = None
    passkey: UsedCredential | None = None
    refresh_token_in: WishedPlace = TokenPlace.BODY

    @property
    def given(self) -> Given:
        """The factor that was sent; raises `Invalid`."""
        return Given.checked(self.code, self.recovery_code, self.passkey)


class ChallengeRequest(msgspec.Struct, frozen=True):
    """The challenge of a log-in."""

    challenge: _Challenge


class ReauthenticationRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of these."""

    password: Annotated[str, Meta(max_length=1024)] | None = None
    code: _Code | None = None
    recovery_code: _RecoveryCode | None = None
    passkey: UsedCredential | None = None


class Reauthenticated(msgspec.Struct, frozen=True):
    """The session may do what is dangerous until then."""

    good_until: datetime
