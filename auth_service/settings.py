"""What the auth service reads from its environment."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from auth_service.accounts.breached.filter import Filter, NotAFilter
from auth_service.mail.settings import MailSettings
from auth_service.passkeys.settings import PasskeySettings
from auth_service.social.settings import SocialSettings
from shared.http.origins import OriginSettings
from shared.settings import ServiceSettings
from shared.storage.settings import StorageSettings


def _require_filter(path: Path | None) -> Path | None:
    try:
        if path is not None:
            Filter(path).close()
    except (OSError, NotAFilter) as error:
        raise ValueError(str(error)) from None
    return path


class AuthSettings(
    PasskeySettings, SocialSettings, MailSettings, StorageSettings, OriginSettings, ServiceSettings
):
    """The common settings, and those of accounts."""

    port: int = Field(8001, ge=0, le=65535, description="The port to listen on.")
    content_url: str = Field(
        "http://127.0.0.1:8002", description="Where the content service answers."
    )
    jobs_url: str = Field("http://127.0.0.1:8003", description="Where the jobs service answers.")
    session_max_days: float = Field(
        90.0, gt=0, le=3650, description="How long a session lasts at most, in days."
    )
    session_idle_days: float = Field(
        30.0, gt=0, le=3650, description="How long a session lasts without being used, in days."
    )
    api_keys_per_user: int = Field(
        50, ge=1, le=1000, description="API keys that one user may have in use."
    )
    key_rotation_days: float = Field(
        90.0,
        ge=0,
        le=3650,
        description="After how many days another key signs the access tokens; 0 is never.",
    )
    key_published_ahead_seconds: float = Field(
        180.0,
        ge=0,
        le=86_400,
        description="How long a new key of access tokens is published before it signs. Who keeps "
        "a copy of the published keys must renew it more often.",
    )
    refresh_cookie_samesite: Literal["lax", "strict", "none"] = Field(
        "lax",
        description="SameSite of the cookie that may hold a refresh token. none lets pages of "
        "other sites in ALLOWED_ORIGINS stay logged in by it, and needs https.",
    )
    breached_passwords: Annotated[Path | None, AfterValidator(_require_filter)] = Field(
        None,
        description="A filter of breached passwords to ask besides the one that is built in; see "
        "docs/accounts/passwords.md.",
    )
    require_verified_email: bool = Field(
        False, description="Whether only who has confirmed their e-mail address can log in."
    )
    guest_days: float = Field(
        30.0,
        gt=0,
        le=3650,
        description="After how many days without a visit a guest is erased, who has no session "
        "left.",
    )
    account_deletion_days: float = Field(
        14.0,
        ge=0,
        le=365,
        description="How long somebody who has asked for deletion can take it back, in days; 0 "
        "erases at once.",
    )
    work_dir: Path | None = Field(
        None,
        description="A directory for archives that are being made; what a killed process left "
        "there is removed at start. By default the system's for temporary files.",
    )
