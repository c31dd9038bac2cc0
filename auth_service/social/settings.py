"""The settings of social log-ins."""

import re
from typing import Annotated, Any, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import Field, PlainValidator, SecretStr, ValidationInfo, field_validator

from auth_service.social.discovery import is_loopback
from shared.errors import Invalid, Malformed
from shared.http.decoding import decode_json
from shared.http.origins import split_url
from shared.settings import Settings, is_production

NAMED = ("google", "apple", "kakao", "naver", "github")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_APPLE = ("apple_client_id", "apple_team_id", "apple_key_id", "apple_private_key")


class OidcEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One issuer in OIDC_PROVIDERS."""

    name: str
    issuer: str
    client_id: str
    client_secret: str
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    label: str = ""
    response_mode: Literal["query", "form_post"] = "query"
    trust_email: bool = False

    def __repr__(self) -> str:
        return f"OidcEntry({self.name!r}, {self.issuer!r})"


def _entries(value: Any) -> tuple[OidcEntry, ...]:
    """The issuers in a JSON list; ValueError names every mistake."""
    if not isinstance(value, str):
        return tuple(value)
    if not value.strip():
        return ()
    try:
        listed = msgspec.json.decode(value, type=list[msgspec.Raw])
    except msgspec.MsgspecError as error:
        raise ValueError(f"it must be a JSON array of objects: {error}") from None
    found, mistakes = [], []
    for number, one in enumerate(listed):
        try:
            found.append(decode_json(bytes(one), OidcEntry))
        except Invalid as invalid:
            mistakes += [
                f"[{number}]{'' if one.field == 'body' else f'.{one.field}'} {one.message}"
                for one in invalid.errors
            ]
        except Malformed as malformed:
            mistakes.append(f"[{number}] {malformed.detail}")
    if mistakes:
        raise ValueError("\n".join(mistakes))
    return tuple(found)


def _id(label: str) -> Any:
    return Field(None, description=f"The client id that {label} has given; switches it on.")


def _secret(label: str) -> Any:
    return Field(
        None, validate_default=True, description=f"The client secret that {label} has given."
    )


class SocialSettings(Settings):
    """Which providers users may log in with; none of them must be set."""

    google_client_id: str | None = _id("Google")
    google_client_secret: SecretStr | None = _secret("Google")
    github_client_id: str | None = _id("GitHub")
    github_client_secret: SecretStr | None = _secret("GitHub")
    kakao_client_id: str | None = _id("Kakao (the REST API key)")
    kakao_client_secret: SecretStr | None = _secret("Kakao")
    naver_client_id: str | None = _id("Naver")
    naver_client_secret: SecretStr | None = _secret("Naver")
    apple_client_id: str | None = _id("Apple (the Services ID)")
    apple_team_id: str | None = Field(None, description="The team at Apple, ten characters.")
    apple_key_id: str | None = Field(None, description="The id of the key from Apple.")
    apple_private_key: SecretStr | None = Field(
        None,
        validate_default=True,
        description="The private key from Apple, the text of its .p8 file; it signs what Apple "
        "takes for a client secret.",
    )
    oidc_providers: Annotated[tuple[OidcEntry, ...], PlainValidator(_entries)] = Field(
        (),
        description="OpenID Connect issuers: a JSON array of objects with name, issuer, client_id "
        "and client_secret, and, where wanted, scopes, label, response_mode (query or form_post) "
        "and trust_email (whether an address that it calls verified counts as such here).",
    )

    @field_validator(
        *(f"{name}_client_id" for name in NAMED),
        *(f"{name}_client_secret" for name in NAMED if name != "apple"),
        *_APPLE[1:],
        mode="before",
    )
    @classmethod
    def _none_if_blank(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator(*(f"{name}_client_secret" for name in NAMED if name != "apple"))
    @classmethod
    def _check_pair(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        beside = str(info.field_name).replace("_secret", "_id")
        if value is None and info.data.get(beside) is not None:
            raise ValueError(f"it is missing beside {beside.upper()}")
        if value is not None and info.data.get(beside) is None:
            raise ValueError(f"{beside.upper()} is missing beside it")
        return value

    @field_validator("apple_private_key")
    @classmethod
    def _check_apple(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        given = {**info.data, "apple_private_key": value}
        missing = [name.upper() for name in _APPLE if given.get(name) is None]
        if missing and len(missing) < len(_APPLE):
            raise ValueError(f"{' and '.join(missing)} must be set beside the rest")
        if value is not None:
            return SecretStr(_apple_key(value.get_secret_value()))
        return None

    @field_validator("oidc_providers")
    @classmethod
    def _check_entries(
        cls, value: tuple[OidcEntry, ...], info: ValidationInfo
    ) -> tuple[OidcEntry, ...]:
        mistakes = [
            f"[{number}].{mistake}"
            for number, one in enumerate(value)
            for mistake in _mistakes(one, secure=is_production(info))
        ]
        names = [one.name for one in value]
        mistakes += [
            f"[{number}].name {name!r} is there before"
            for number, name in enumerate(names)
            if name in names[:number]
        ]
        if mistakes:
            raise ValueError("\n".join(mistakes))
        return value


def _mistakes(entry: OidcEntry, *, secure: bool) -> list[str]:
    found = []
    if not _NAME.fullmatch(entry.name):
        found.append(
            f"name {entry.name!r} must begin with a letter, and may have 32 of a-z, 0-9 and '-'"
        )
    if entry.name in NAMED:
        found.append(f"name {entry.name!r} is that of a provider with settings of its own")
    if not _is_issuer(entry.issuer, secure=secure):
        found.append(
            f"issuer {entry.issuer!r} must be an https:// URL without query and fragment"
            + ("" if secure else "; http:// is for this machine alone")
        )
    found += [
        f"{name} is empty" for name in ("client_id", "client_secret") if not getattr(entry, name)
    ]
    if "openid" not in entry.scopes:
        found.append("scopes must name openid")
    return found


def _is_issuer(url: str, *, secure: bool) -> bool:
    parts = split_url(url)
    host = parts.hostname if parts else None
    if (
        parts is None
        or not host
        or parts.username
        or "?" in url
        or "#" in url
        or not url.isprintable()
    ):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host) and not secure)


def _apple_key(text: str) -> str:
    """The key in PEM, also from a line where `\\n` stands for line breaks."""
    pem = text.replace("\\n", "\n").strip() + "\n"
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise ValueError(f"it is no private key in PEM: {error}") from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("it must be a key on the curve P-256, as Apple makes them")  # noqa: TRY004
    return pem
