"""Settings of credits: what jobs cost, what credits cost, and who takes the money."""

from typing import Any
from urllib.parse import urlsplit

import msgspec
from pydantic import Field, SecretStr, ValidationInfo, field_validator

from jobs_service.credits.packages import Package
from jobs_service.credits.prices import PriceList
from shared.errors import Invalid, Malformed
from shared.http.decoding import decode_json
from shared.settings import ServiceSettings, is_production

STRIPE_API = "https://api.stripe.com"


class CreditSettings(ServiceSettings):
    """Prices, packages, and Stripe where it is used."""

    prices: PriceList = Field(
        PriceList(), description="The price list, as JSON; what it leaves out costs as by default."
    )
    credit_packages: tuple[Package, ...] = Field(
        (),
        description="What can be bought, a JSON array of `{id, credits, price, currency, days}`: "
        "the price in the currency's smallest unit; with `days` the credits end so long after they "
        "are paid. Without any, nothing is for sale.",
    )
    stripe_secret_key: SecretStr | None = Field(
        None,
        description="The secret or restricted key of Stripe, `sk_…` or `rk_…`. Without one, "
        "purchases wait for an administrator to confirm their payment.",
    )
    stripe_webhook_secret: SecretStr | None = Field(
        None,
        validate_default=True,
        description="The signing secret, `whsec_…`, of Stripe's endpoint that sends to "
        "/api/payments/stripe.",
    )
    stripe_api_base: str = Field(STRIPE_API, description="Where the API of Stripe answers.")
    purchase_success_url: str | None = Field(
        None,
        validate_default=True,
        description="The page of the front end where somebody who has paid comes back to.",
    )
    purchase_cancel_url: str | None = Field(
        None,
        validate_default=True,
        description="The page of the front end where somebody who has not paid comes back to.",
    )

    @field_validator("prices", mode="before")
    @classmethod
    def _as_prices(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return decode_json(value.encode(), PriceList)
        except Invalid as wrong:
            mistakes = (f"{one.field}: {one.message}" for one in wrong.errors)
            raise ValueError("\n".join(mistakes)) from None
        except Malformed as wrong:
            raise ValueError(wrong.detail.replace("The body", "it", 1)) from None

    @field_validator("credit_packages", mode="before")
    @classmethod
    def _as_packages(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            packages = msgspec.json.decode(value, type=tuple[Package, ...])
        except msgspec.DecodeError as error:
            raise ValueError(f"it is no list of packages: {error}") from None
        ids = [one.id for one in packages]
        if twice := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(f"each id must be one package's alone; twice: {', '.join(twice)}")
        return packages

    @field_validator("stripe_secret_key")
    @classmethod
    def _check_stripe_key(cls, value: SecretStr | None) -> SecretStr | None:
        return _begins_with(value, "sk_", "rk_")

    @field_validator("stripe_webhook_secret")
    @classmethod
    def _check_stripe_secret(cls, value: SecretStr | None) -> SecretStr | None:
        return _begins_with(value, "whsec_")

    @field_validator("stripe_webhook_secret", "purchase_success_url", "purchase_cancel_url")
    @classmethod
    def _goes_with_the_key(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("stripe_secret_key") and not value:
            raise ValueError("it must be set when STRIPE_SECRET_KEY is")
        return value

    @field_validator("stripe_api_base", "purchase_success_url", "purchase_cancel_url")
    @classmethod
    def _check_address(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError(f"it must be an http(s) address; it is {value!r}")
        if is_production(info) and parts.scheme != "https":
            raise ValueError("it must begin with https:// when ENVIRONMENT is production")
        return value.rstrip("/") if info.field_name == "stripe_api_base" else value


def _begins_with(value: SecretStr | None, *beginnings: str) -> SecretStr | None:
    if value is not None and not value.get_secret_value().startswith(beginnings):
        raise ValueError(f"it must begin with {' or '.join(beginnings)}")
    return value
