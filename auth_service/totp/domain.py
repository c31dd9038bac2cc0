"""Codes from an authenticator app: TOTP (RFC 6238), 6 digits each 30 seconds, SHA-1.

Every app knows these figures; many ignore others that are asked of them.
"""

import hmac
import re
from datetime import datetime

import msgspec
import pyotp

from shared.errors import Conflict, FieldError, Invalid, NotFound

STEP_SECONDS = 30
STEPS_AROUND = 1
"""How many steps a clock may be off, each way (RFC 6238, 5.2)."""
_CODE = re.compile(r"[0-9]{6}")


class TotpActive(Conflict):
    """An authenticator app is set up already; it would have to be removed first."""

    code, title = "totp_active", "An authenticator app is set up already"


class TotpNotFound(NotFound):
    """No authenticator app is set up, or is being set up."""

    code, title = "totp_not_found", "There is no authenticator app"


class Authenticator(msgspec.Struct, frozen=True):
    """An authenticator app; `last_step` is the latest step whose code has been used."""

    sealed_secret: bytes
    confirmed_at: datetime | None
    last_step: int
    created_at: datetime


def new_secret() -> str:
    """160 random bits in base32 (RFC 4226, 4, R6)."""
    return pyotp.random_base32()


def checked_code(text: str) -> str:
    """The six digits, without the space that apps show in their middle; raises `Invalid`."""
    code = text.replace(" ", "")
    if not _CODE.fullmatch(code):
        raise Invalid(errors=(FieldError("code", "must be the six digits that the app shows"),))
    return code


def step_of(secret: str, code: str, now: datetime, after: int) -> int | None:
    """The step later than `after` and near `now` that `code` belongs to."""
    present = int(now.timestamp()) // STEP_SECONDS
    codes = pyotp.HOTP(secret)
    for step in range(max(present - STEPS_AROUND, after + 1), present + STEPS_AROUND + 1):
        if hmac.compare_digest(codes.at(step), code):
            return step
    return None


def enrolment_uri(secret: str, account: str, issuer: str) -> str:
    """What an app reads from the QR code (Google's key URI format)."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)
