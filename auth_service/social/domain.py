"""Identities: accounts that users have with others, by which they log in here."""

import hmac
import re
import unicodedata
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from auth_service.accounts.domain import is_email
from auth_service.secrets import hash_of
from shared.errors import BadGateway, Conflict, Forbidden, NotFound
from shared.security.keys import encode_base64url
from shared.security.principal import UserId

MAX_SUBJECT = 255
"""Characters (OpenID Connect Core, 2)."""
_CODE = re.compile(r"[a-z_]{1,64}")
_LONGEST_DESCRIPTION = 200


class ProviderUnknown(NotFound):
    """No provider of that name is set up."""

    code, title = "provider_unknown", "There is no such provider"


class ProviderUnavailable(BadGateway):
    """The provider cannot be reached, is too slow, or answers with what no provider answers."""

    code, title = "provider_unavailable", "The provider cannot be reached right now"


class ProviderAnswerRefused(BadGateway):
    """The provider's answer proves nothing: a wrong code, signature, issuer, audience or nonce."""

    code, title = "provider_answer_refused", "The provider's answer could not be verified"
    retriable = False


class StartedElsewhere(Forbidden):
    """The log-in was begun in another browser, or at another provider."""

    code, title = "started_elsewhere", "This log-in was not begun in this browser; begin anew"


class AccountExists(Conflict):
    """Somebody has an account with the e-mail address already, and it may not be joined unasked."""

    code, title = (
        "account_exists",
        "There is an account with this e-mail address; log in to it, then link this provider",
    )


class IdentityTaken(Conflict):
    """The account at the provider belongs to another user here."""

    code, title = "identity_taken", "This account at the provider is linked to another user"


class ProviderLinked(Conflict):
    """The user has linked another account at the same provider."""

    code, title = "provider_linked", "You have linked another account at this provider already"


class IdentityNotFound(NotFound):
    """The caller has no such identity."""

    code, title = "identity_not_found", "You have no such linked account"


class Profile(msgspec.Struct, frozen=True):
    """What a provider says of somebody: `subject` never changes, the rest may."""

    subject: str
    email: str | None = None
    email_verified: bool = False
    name: str = ""
    handle: str = ""
    """What they might like to be called here."""

    def checked(self) -> "Profile":
        """Without an address that is none; raises `ProviderAnswerRefused` when it names nobody, who
        would be everybody."""
        if not 0 < len(self.subject) <= MAX_SUBJECT or not self.subject.isprintable():
            raise ProviderAnswerRefused("The provider does not say who has logged in.")
        email = self.email if is_email(self.email or "") else None
        return msgspec.structs.replace(
            self, email=email, name=plain_name(self.name), handle=plain_name(self.handle)
        )


class Identity(msgspec.Struct, frozen=True):
    """An account at a provider that is linked to a user."""

    id: UUID
    user_id: UserId
    provider: str
    subject: str
    email: str | None
    created_at: datetime
    last_used_at: datetime


class Answer(msgspec.Struct, frozen=True):
    """What a provider sends the browser back with (RFC 6749, 4.1.2; RFC 9207).

    `user` is Apple's: the name, as JSON, at the first log-in alone.
    """

    state: str = ""
    code: str = ""
    iss: str | None = None
    error: str = ""
    error_description: str = ""
    user: str = ""


class Attempt(msgspec.Struct, frozen=True):
    """What ties a provider's answer to one question: PKCE's verifier (RFC 7636) and the nonce."""

    redirect_uri: str
    nonce: str
    verifier: str

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier (S256)."""
        return challenge_of(self.verifier)


class Binding(msgspec.Struct, frozen=True):
    """Whom a log-in belongs to: the browser that holds a cookie, and, where the front end made a
    PKCE verifier of its own, whoever holds that."""

    browser: str
    challenge: str | None = None

    def admits(self, browsers: tuple[str, ...], verifier: str | None) -> bool:
        """Whether somebody with these cookies and that verifier may have the session."""
        if self.challenge is not None:
            return hmac.compare_digest(challenge_of(verifier or ""), self.challenge)
        return self.was_begun_by(browsers)

    def was_begun_by(self, browsers: tuple[str, ...]) -> bool:
        """Whether one of these cookies is the one."""
        return any(hmac.compare_digest(browser_key(one), self.browser) for one in browsers)


class Flow(msgspec.Struct, frozen=True):
    """A log-in or a linking under way, as its ticket remembers it; `verifier` is sealed.

    What is linked needs no `binding`: only the user who began can finish it.
    """

    provider: str
    redirect_to: str
    nonce: str
    verifier: str
    binding: Binding | None = None


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636, 4.2)."""
    return encode_base64url(hash_of(verifier))


def browser_key(cookie: str) -> str:
    """What is kept of a browser's cookie."""
    return hash_of(cookie).hex()


def way_back(redirect_to: str, values: dict[str, Any]) -> str:
    """The front end's page, told `values` in the fragment, which is sent to no server."""
    return f"{redirect_to}#{urlencode(values)}"


def provider_error(answer: Answer) -> dict[str, str]:
    """What the front end is told of an error that the provider has answered."""
    code = answer.error if _CODE.fullmatch(answer.error) else "provider_error"
    printable = "".join(one for one in answer.error_description if one.isprintable())
    return {
        "error": code,
        "error_description": printable[:_LONGEST_DESCRIPTION] or "The provider refused.",
    }


def plain_name(name: str) -> str:
    """A name from elsewhere, as one line of printable characters."""
    words = unicodedata.normalize("NFC", name).split()
    return "".join(one for one in " ".join(words) if one.isprintable())
