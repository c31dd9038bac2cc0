"""Composes API keys."""

from auth_service.api_keys.endpoints import ApiKeyEndpoints, InternalApiKeyEndpoints
from auth_service.api_keys.use_cases import ExchangeApiKey, MakeApiKey, RevokeApiKey
from auth_service.feature import Base
from shared.http.paging import Cursors
from shared.runtime.feature import Feature
from shared.security.keys import derive_key


def build(base: Base) -> Feature:
    """Keys for programs that act in a user's name."""
    database, clock = base.database, base.clock
    make = MakeApiKey(database, base.write_letter, base.settings.api_keys_per_user, clock)
    return Feature(
        endpoints=(
            ApiKeyEndpoints(
                database,
                Cursors(derive_key(base.secret, "auth.api-key-cursors")),
                base.require_recent,
                make,
                RevokeApiKey(database, clock),
            ),
            InternalApiKeyEndpoints(ExchangeApiKey(database, base.keys, clock)),
        )
    )
