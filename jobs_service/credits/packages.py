"""Packages of credits that are for sale, as data."""

from typing import Annotated

import msgspec


class Package(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many credits for a price in the smallest unit of its currency (ISO 4217); `days` after
    they are paid they end, or never."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]
    credits: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
    price: Annotated[int, msgspec.Meta(ge=1, le=99_999_999)]
    currency: Annotated[str, msgspec.Meta(pattern="^[a-z]{3}$", examples=["eur"])]
    days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] | None = None
