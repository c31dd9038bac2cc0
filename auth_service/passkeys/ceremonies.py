"""The two ceremonies of WebAuthn: what to ask a browser, and what its answer is worth.

A challenge is the secret of a ticket, 256 random bits, so that the answer itself says which one it
belongs to.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    options_to_json_dict,
)
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from auth_service.accounts.domain import Account
from auth_service.passkeys.credentials import NewCredential, UsedCredential
from auth_service.passkeys.domain import (
    CHALLENGE_LIFETIME,
    Passkey,
    PasskeyRefused,
    RelyingParty,
    Used,
)
from shared.errors import FieldError

_MILLISECONDS = int(CHALLENGE_LIFETIME.total_seconds() * 1000)
_TRANSPORTS = {one.value: one for one in AuthenticatorTransport}


@dataclass(frozen=True, slots=True)
class Made:
    """A new credential that is what it says."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    backed_up: bool


def registration_options(
    party: RelyingParty, account: Account, challenge: str, present: Iterable[Passkey]
) -> dict[str, Any]:
    """What to ask for a new passkey; devices that hold one of `present` make no second."""
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=account.id.bytes,
        user_name=account.email or account.handle,
        user_display_name=account.display_name or account.handle,
        challenge=decode(challenge),
        timeout=_MILLISECONDS,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(present),
    )
    return options_to_json_dict(options)


def use_options(
    party: RelyingParty, challenge: str, allowed: Iterable[Passkey] = ()
) -> dict[str, Any]:
    """What to ask for the use of one of `allowed`, or of any that the device has for us."""
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=decode(challenge),
        timeout=_MILLISECONDS,
        allow_credentials=_descriptors(allowed),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def challenge_in(client_data: str, party: RelyingParty) -> str:
    """The challenge that an answer says it is for; raises `PasskeyRefused`, `WrongOrigin`."""
    try:
        told = json.loads(decode(client_data))
        challenge, origin = told["challenge"], told["origin"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _refused("response.clientDataJSON", "must hold a challenge and an origin") from None
    if not isinstance(challenge, str) or not challenge.isascii():
        raise _refused("response.clientDataJSON", "must hold the challenge as base64url")
    party.check(str(origin))
    return challenge


def verify_made(party: RelyingParty, credential: NewCredential, challenge: str) -> Made:
    """The credential in a good answer to `registration_options`; raises `PasskeyRefused`."""
    response = AuthenticatorAttestationResponse(
        client_data_json=decode(credential.response.client_data_json),
        attestation_object=decode(credential.response.attestation_object),
    )
    try:
        made = verify_registration_response(
            credential=RegistrationCredential(credential.id, decode(credential.raw_id), response),
            expected_challenge=decode(challenge),
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            require_user_verification=True,
        )
        # Without an attestation nobody has looked yet whether it is a key at all.
        decoded_public_key_to_cryptography(decode_credential_public_key(made.credential_public_key))
    except Exception as error:  # hostile input: the library lets out errors of many kinds
        raise PasskeyRefused(_reason(error)) from error
    return Made(
        made.credential_id,
        made.credential_public_key,
        made.sign_count,
        made.credential_backed_up,
    )


def verify_used(
    party: RelyingParty, credential: UsedCredential, challenge: str, passkey: Passkey
) -> Used:
    """What `passkey` says in a good answer to `use_options`; raises `PasskeyRefused`.

    The count is judged by the caller: the library would judge it before the signature, and blame
    an owner for what anybody can send.
    """
    response = AuthenticatorAssertionResponse(
        client_data_json=decode(credential.response.client_data_json),
        authenticator_data=decode(credential.response.authenticator_data),
        signature=decode(credential.response.signature),
    )
    try:
        used = verify_authentication_response(
            credential=AuthenticationCredential(credential.id, decode(credential.raw_id), response),
            expected_challenge=decode(challenge),
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            credential_public_key=passkey.public_key,
            credential_current_sign_count=-1,
            require_user_verification=True,
        )
    except Exception as error:  # hostile input: the library lets out errors of many kinds
        raise PasskeyRefused(_reason(error)) from error
    return Used(used.new_sign_count, used.credential_backed_up)


def decode(text: str) -> bytes:
    """The bytes of unpadded base64url; raises `PasskeyRefused` for a length that none has."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise PasskeyRefused("A value is not base64url without padding.") from None


def known_transports(told: Iterable[str]) -> tuple[str, ...]:
    """Those that browsers can be reminded of."""
    return tuple(sorted({one for one in told if one in _TRANSPORTS}))


def _descriptors(passkeys: Iterable[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=one.credential_id, transports=[_TRANSPORTS[name] for name in one.transports]
        )
        for one in passkeys
    ]


def _refused(field: str, message: str) -> PasskeyRefused:
    return PasskeyRefused(errors=(FieldError(f"credential.{field}", message),))


def _reason(error: Exception) -> str:
    return f"{error}." if type(error).__module__.startswith("webauthn.") else "It cannot be read."
