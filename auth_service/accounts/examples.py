"""The account that OpenAPI examples and the mock mode show."""

from datetime import UTC, datetime
from uuid import UUID

from auth_service.accounts.schemas import AccountView

ACCOUNT = AccountView(
    id=UUID("01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42"),
    email="mina@example.com",
    user_handle="mina",
    roles=(),
    created_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
)
