"""The providers that everybody knows, as far as they are set up, and the issuers of the settings.

Where they answer is a constant of each, since it is no business of whoever sets them up.
"""

from collections.abc import Callable
from datetime import timedelta

import jwt
from pydantic import SecretStr

from auth_service.social.oauth import Addresses, OAuthProvider, ReadProfile
from auth_service.social.open_id import OpenIdClient, OpenIdProvider
from auth_service.social.provider_client import ProviderClient
from auth_service.social.providers import Provider
from auth_service.social.settings import OidcEntry, SocialSettings
from auth_service.social.shapes import github, kakao, naver
from shared.clock import Clock

ISSUERS = {"google": "https://accounts.google.com", "apple": "https://appleid.apple.com"}
ADDRESSES = {
    "kakao": Addresses(
        "https://kauth.kakao.com/oauth/authorize",
        "https://kauth.kakao.com/oauth/token",
        "https://kapi.kakao.com",
    ),
    "naver": Addresses(
        "https://nid.naver.com/oauth2.0/authorize",
        "https://nid.naver.com/oauth2.0/token",
        "https://openapi.naver.com",
    ),
    "github": Addresses(
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
        "https://api.github.com",
    ),
}
_OAUTH: tuple[tuple[str, str, str | None, ReadProfile], ...] = (
    ("kakao", "Kakao", None, kakao),  # asks for what its console has been told to ask for
    ("naver", "Naver", None, naver),
    ("github", "GitHub", "read:user user:email", github),
)
_APPLE_SECRET_LIFETIME = timedelta(minutes=5)


def providers_of(
    settings: SocialSettings, client: ProviderClient, clock: Clock
) -> dict[str, Provider]:
    """Every provider that is set up, by name."""
    clients = [
        *_google(settings),
        *_apple(settings, clock),
        *(_entry(one) for one in settings.oidc_providers),
    ]
    found: list[Provider] = [OpenIdProvider(one, client, clock) for one in clients]
    for name, label, scope, read in _OAUTH:
        client_id, secret = _pair(settings, name)
        if client_id is not None:
            provider = OAuthProvider(
                name, label, ADDRESSES[name], client_id, secret, scope, read, client
            )
            found.append(provider)
    return {one.name: one for one in found}


def _google(settings: SocialSettings) -> list[OpenIdClient]:
    client_id, secret = _pair(settings, "google")
    if client_id is None:
        return []
    return [OpenIdClient("google", "Google", ISSUERS["google"], client_id, lambda: secret)]


def _apple(settings: SocialSettings, clock: Clock) -> list[OpenIdClient]:
    if settings.apple_client_id is None:
        return []
    return [
        OpenIdClient(
            "apple",
            "Apple",
            ISSUERS["apple"],
            settings.apple_client_id,
            _apple_secret(settings, clock),
            ("openid", "name", "email"),
            form_post=True,  # Apple insists on it where name or e-mail address are asked for
        )
    ]


def _entry(entry: OidcEntry) -> OpenIdClient:
    return OpenIdClient(
        entry.name,
        entry.label or entry.name.replace("-", " ").title(),
        entry.issuer,
        entry.client_id,
        lambda: entry.client_secret,
        entry.scopes,
        form_post=entry.response_mode == "form_post",
        trusts_email=entry.trust_email,
    )


def _apple_secret(settings: SocialSettings, clock: Clock) -> Callable[[], str]:
    """Makes what Apple takes for a client secret: a JWT signed with the team's key."""
    key = _value(settings.apple_private_key)

    def secret() -> str:
        now = clock.now()
        claims = {
            "iss": settings.apple_team_id,
            "sub": settings.apple_client_id,
            "aud": ISSUERS["apple"],
            "iat": int(now.timestamp()),
            "exp": int((now + _APPLE_SECRET_LIFETIME).timestamp()),
        }
        return jwt.encode(claims, key, "ES256", headers={"kid": settings.apple_key_id})

    return secret


def _pair(settings: SocialSettings, name: str) -> tuple[str | None, str]:
    client_id: str | None = getattr(settings, f"{name}_client_id")
    return client_id, _value(getattr(settings, f"{name}_client_secret"))


def _value(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
