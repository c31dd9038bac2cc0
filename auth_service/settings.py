"""What the auth service reads from its environment."""

from typing import Literal

from pydantic import Field

from auth_service.mail.settings import MailSettings
from auth_service.passkeys.settings import PasskeySettings
from auth_service.social.settings import SocialSettings
from shared.http.origins import OriginSettings
from shared.settings import ServiceSettings
from shared.storage.settings import StorageSettings


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
    refresh_cookie_samesite: Literal["lax", "strict", "none"] = Field(
        "lax",
        description="SameSite of the cookie that may hold a refresh token. none lets pages of "
        "other sites in ALLOWED_ORIGINS stay logged in by it, and needs https.",
    )
    require_verified_email: bool = Field(
        False, description="Whether only who has confirmed their e-mail address can log in."
    )
