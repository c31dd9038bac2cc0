"""The header of requests that may be repeated."""

from typing import Annotated

import msgspec

from shared.http.endpoint import Header

IdempotencyKey = Annotated[
    str | None,
    Header(
        "Idempotency-Key",
        "Chosen by the client, at most 200 characters. The same key with the same request is "
        "answered as the first time for 24 hours, and charged once.",
    ),
    msgspec.Meta(min_length=1, max_length=200),
]
