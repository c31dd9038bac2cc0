"""Second factors in the database."""

from sqlalchemy import bindparam, exists, select

from auth_service.tables import passkeys, totp
from shared.db.executor import Executor
from shared.security.principal import UserId

_HAS_SECOND_FACTOR = select(
    (
        exists().where(totp.c.user_id == bindparam("user"), totp.c.confirmed_at.is_not(None))
        | exists().where(passkeys.c.user_id == bindparam("user"))
    ).label("any")
)


async def has_second_factor(executor: Executor, user: UserId) -> bool:
    """Whether a password alone does not let this user in."""
    row = await executor.one(_HAS_SECOND_FACTOR, {"user": user})
    return row is not None and bool(row.any)
