"""How GitHub, Kakao and Naver say who somebody is."""

import msgspec

from auth_service.social.domain import Profile
from auth_service.social.provider_client import ProviderClient


class _GitHubUser(msgspec.Struct, frozen=True):
    id: int
    login: str
    name: str | None = None


class _GitHubEmail(msgspec.Struct, frozen=True):
    email: str
    primary: bool = False
    verified: bool = False


async def github(client: ProviderClient, api: str, access_token: str) -> Profile:
    """`/user`, and `/user/emails`, which alone says what is verified."""
    user = await client.get(f"{api}/user", _GitHubUser, bearer=access_token)
    emails = await client.get(f"{api}/user/emails", tuple[_GitHubEmail, ...], bearer=access_token)
    primary = next((one for one in emails if one.primary), _GitHubEmail(""))
    return Profile(
        str(user.id),
        primary.email or None,
        primary.verified,
        user.name or "",
        user.login,
    )


class _KakaoProfile(msgspec.Struct, frozen=True):
    nickname: str | None = None


class _KakaoAccount(msgspec.Struct, frozen=True):
    email: str | None = None
    is_email_valid: bool = False
    is_email_verified: bool = False
    profile: _KakaoProfile = _KakaoProfile()


class _KakaoUser(msgspec.Struct, frozen=True):
    id: int
    kakao_account: _KakaoAccount = _KakaoAccount()


async def kakao(client: ProviderClient, api: str, access_token: str) -> Profile:
    """`/v2/user/me`; an address that has gone over to another account is verified and not valid."""
    user = await client.get(f"{api}/v2/user/me", _KakaoUser, bearer=access_token)
    account = user.kakao_account
    return Profile(
        str(user.id),
        account.email,
        account.is_email_valid and account.is_email_verified,
        account.profile.nickname or "",
    )


class _NaverUser(msgspec.Struct, frozen=True):
    id: str
    email: str | None = None
    nickname: str | None = None
    name: str | None = None


class _NaverAnswer(msgspec.Struct, frozen=True):
    response: _NaverUser


_NAVERS_OWN = "@naver.com"


async def naver(client: ProviderClient, api: str, access_token: str) -> Profile:
    """`/v1/nid/me`. It does not say whether an address is verified; Naver can vouch for the
    mailboxes it keeps itself, and for no others."""
    answer = await client.get(f"{api}/v1/nid/me", _NaverAnswer, bearer=access_token)
    user = answer.response
    email = user.email or ""
    return Profile(
        user.id,
        user.email,
        email.lower().endswith(_NAVERS_OWN),
        user.nickname or user.name or "",
    )
