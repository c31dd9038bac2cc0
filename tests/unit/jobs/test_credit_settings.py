"""Settings of what is for sale: what is wrong is named, with what would be right."""

from typing import Any

import pytest

from jobs_service.credits.settings import CreditSettings
from shared.settings import BadSettings, load

STRIPE = {
    "stripe_secret_key": "sk_test_1",
    "stripe_webhook_secret": "whsec_1",
    "purchase_success_url": "https://app.example/paid",
    "purchase_cancel_url": "https://app.example/credits",
}


def loaded(**given: Any) -> CreditSettings:
    common = {"secret_key": "k" * 40, "database_url": "postgresql+asyncpg://a/b"}
    return load(CreditSettings, **common, amqp_url="in-process:", **given)


def test_prices_and_packages_are_json() -> None:
    package = '{"id": "a", "credits": 1, "price": 2, "currency": "krw", "days": 30}'
    found = loaded(prices='{"burn_in_per_minute": 4}', credit_packages=f"[{package}]")
    assert (found.prices.burn_in_per_minute, found.prices.captions_per_minute) == (4, 1)
    (one,) = found.credit_packages
    assert (one.id, one.credits, one.price, one.currency, one.days) == ("a", 1, 2, "krw", 30)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"prices": '{"captions": 1}'}, "PRICES: captions"),
        ({"prices": '{"burn_in_per_minute": -1}'}, "PRICES: burn_in_per_minute: "),
        ({"prices": "{"}, "PRICES: it is not valid JSON"),
        ({"credit_packages": '[{"id": "a"}]'}, "missing required field `credits` - at `$[0]`"),
        ({"credit_packages": '[{"id": "A!"}]'}, "CREDIT_PACKAGES: it is no list of packages: "),
        ({"credit_packages": "small"}, "CREDIT_PACKAGES: it is no list of packages: "),
        ({"stripe_secret_key": "pk_live_1"}, "STRIPE_SECRET_KEY: it must begin with sk_ or rk_"),
        ({"stripe_webhook_secret": "we_1"}, "it must begin with whsec_"),
        ({"stripe_secret_key": "sk_test_1"}, "it must be set when STRIPE_SECRET_KEY is"),
        ({"purchase_success_url": "app/paid"}, "it must be an http(s) address; it is 'app/paid'"),
        (
            {"stripe_api_base": "http://stripe.example", "environment": "production"},
            "it must begin with https:// when ENVIRONMENT is production",
        ),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], says: str) -> None:
    with pytest.raises(BadSettings) as refused:
        loaded(**given)
    assert says in str(refused.value)


def test_a_package_is_named_once() -> None:
    package = '{"id": "a", "credits": 1, "price": 2, "currency": "eur"}'
    with pytest.raises(BadSettings, match="each id must be one package's alone; twice: a"):
        loaded(credit_packages=f"[{package}, {package}]")


def test_stripe_needs_all_of_its_settings() -> None:
    assert loaded(**STRIPE).stripe_api_base == "https://api.stripe.com"
    for missing in STRIPE.keys() - {"stripe_secret_key"}:
        with pytest.raises(BadSettings, match=f"{missing.upper()}: .*must be set"):
            loaded(**{name: value for name, value in STRIPE.items() if name != missing})
