"""Verification and recovery on the wire."""

from typing import Annotated

import msgspec
from msgspec import Meta

from auth_service.accounts.domain import MAX_EMAIL

_Email = Annotated[str, Meta(extra_json_schema={"format": "email", "maxLength": MAX_EMAIL})]
_Token = Annotated[
    str, Meta(max_length=128, description="What follows `#token=` in the link of the mail.")
]


class EmailRequest(msgspec.Struct, frozen=True):
    """An address to which a mail shall go."""

    email: _Email


class TokenRequest(msgspec.Struct, frozen=True):
    """The secret of a link."""

    token: _Token


class PasswordReset(msgspec.Struct, frozen=True):
    """The secret of a link, and the new password."""

    token: _Token
    password: Annotated[str, Meta(max_length=1024)]


class Done(msgspec.Struct, frozen=True):
    """What happened, or may have happened."""

    message: str
