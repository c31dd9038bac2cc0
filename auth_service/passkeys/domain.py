"""Passkeys: key pairs that a device keeps for us, opened by its owner's finger, face or PIN.

They are WebAuthn credentials (W3C, level 3). Each is asked to verify its user, so that it counts
as two factors at once: the device, and what unlocks it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from shared.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Unauthenticated
from shared.security.principal import UserId

CHALLENGE_LIFETIME = timedelta(minutes=5)
MAX_PASSKEYS = 20
_LONGEST_NAME = 100


class PasskeyNotFound(NotFound):
    """The caller has no such passkey."""

    code, title = "passkey_not_found", "There is no such passkey"


class PasskeyTaken(Conflict):
    """The passkey is registered already."""

    code, title = "passkey_taken", "This passkey is registered already"


class TooManyPasskeys(Conflict):
    """More passkeys than anybody has devices."""

    code, title = "too_many_passkeys", "This account has as many passkeys as it may have"


class PasskeyRefused(Invalid):
    """What the browser sent does not prove that a passkey of ours was used, or made."""

    code, title = "passkey_refused", "The passkey was refused"


class WrongPasskey(Unauthenticated):
    """No account can be entered with what the browser sent."""

    code, title = "wrong_passkey", "The passkey does not log in"


class WrongOrigin(Forbidden):
    """A page made the call that may not use our passkeys."""

    code, title = "passkey_wrong_origin", "Passkeys cannot be used on this site"


class PasskeyCopied(Exception):  # noqa: N818 - reads as what happened
    """The passkey says that it has been used less often than we know: there is a copy of it."""


class Passkey(msgspec.Struct, frozen=True):
    """A registered passkey; `sign_count` is how often it says it has been used, or always 0."""

    id: UUID
    user_id: UserId
    credential_id: bytes
    public_key: bytes
    sign_count: int
    name: str
    transports: tuple[str, ...]
    backed_up: bool
    created_at: datetime
    last_used_at: datetime | None = None


class Used(msgspec.Struct, frozen=True):
    """What a passkey says of itself when it is used."""

    sign_count: int
    backed_up: bool


class RelyingParty(msgspec.Struct, frozen=True):
    """Who we are to browsers: a domain, the name that they show, and the sites that may ask."""

    id: str
    name: str
    origins: tuple[str, ...]

    @classmethod
    def at(
        cls, public_url: str, origins: Iterable[str], *, name: str, domain: str | None
    ) -> "RelyingParty":
        """The party whose API is at `public_url`; it takes part in the ceremonies itself.

        Browsers know passkeys by domain alone, so that this machine is localhost to them.
        """
        own = urlsplit(public_url)
        host = own.hostname or ""
        found = [*origins, f"{own.scheme}://{own.netloc}"]
        if _is_address(host):
            port = f":{own.port}" if own.port else ""
            found.append(f"{own.scheme}://localhost{port}")
            host = "localhost"
        return cls(domain or host, name, tuple(dict.fromkeys(found)))

    def check(self, origin: str) -> None:
        """Raises `WrongOrigin`, which says what would be right."""
        if origin not in self.origins:
            allowed = ", ".join(self.origins)
            raise WrongOrigin(
                f"The page is at {origin!r}; allowed are {allowed} (ALLOWED_ORIGINS, PUBLIC_URL)."
            )
        host = urlsplit(origin).hostname or ""
        if host != self.id and not host.endswith(f".{self.id}"):
            raise WrongOrigin(
                f"Passkeys belong to {self.id} (PASSKEY_RP_ID), and browsers let no page at "
                f"{origin!r} use them."
            )


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def checked_name(text: str) -> str:
    """What an owner calls a passkey; raises `Invalid`."""
    name = text.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        message = f"must have 1 to {_LONGEST_NAME} printable characters, such as Mina's phone"
        raise Invalid(errors=(FieldError("name", message),))
    return name


def check_count(stored: int, told: int) -> None:
    """Raises `PasskeyCopied` (WebAuthn 7.2, step 22); those that do not count always say 0."""
    if (stored or told) and told <= stored:
        raise PasskeyCopied
