"""What all providers have in common, whether they speak OpenID Connect or only OAuth 2."""

from collections.abc import Mapping
from typing import Protocol

from auth_service.social.domain import Answer, Attempt, Profile


class Provider(Protocol):
    """Somebody with whom users have accounts."""

    @property
    def name(self) -> str:
        """Its name in addresses and in the database."""
        ...

    @property
    def label(self) -> str:
        """Its name for people."""
        ...

    @property
    def form_post(self) -> bool:
        """Whether it answers by a form that the browser posts, rather than in the query."""
        ...

    @property
    def trusts_email(self) -> bool:
        """Whether an address that it calls verified is taken for verified here."""
        ...

    async def authorization_url(self, attempt: Attempt, state: str) -> str:
        """Where the browser goes; raises `ProviderUnavailable`."""
        ...

    async def check_issuer(self, issuer: str | None) -> None:
        """Raises `ProviderAnswerRefused` when the answer names another issuer (RFC 9207), and
        `ProviderUnavailable`."""
        ...

    async def profile(self, answer: Answer, attempt: Attempt) -> Profile:
        """Who has logged in there, for the code in `answer`.

        Raises `ProviderAnswerRefused` and `ProviderUnavailable`.
        """
        ...


Providers = Mapping[str, Provider]
"""By name, in the order in which they are shown."""
