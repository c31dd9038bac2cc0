"""Second factors of all kinds in the database."""

from sqlalchemy import bindparam, delete, exists, func, select

from auth_service.factors.domain import Factor, WaysIn, is_two_step
from auth_service.tables import identities, passkeys, recovery_codes, totp, users
from shared.db.executor import Executor
from shared.security.principal import UserId

_FACTORS = select(
    exists()
    .where(totp.c.user_id == bindparam("user"), totp.c.confirmed_at.is_not(None))
    .label(Factor.TOTP),
    exists()
    .where(recovery_codes.c.user_id == bindparam("user"), recovery_codes.c.used_at.is_(None))
    .label(Factor.RECOVERY_CODE),
    exists().where(passkeys.c.user_id == bindparam("user")).label(Factor.PASSKEY),
)
_WAYS_IN = select(
    users.c.password_hash.is_not(None).label("password"),
    select(func.count())
    .where(identities.c.user_id == bindparam("user"))
    .scalar_subquery()
    .label("identities"),
    select(func.count())
    .where(passkeys.c.user_id == bindparam("user"))
    .scalar_subquery()
    .label("passkeys"),
).where(users.c.id == bindparam("user"))
_REMOVE = {
    Factor.TOTP: delete(totp).where(totp.c.user_id == bindparam("user")),
    Factor.PASSKEY: delete(passkeys).where(passkeys.c.user_id == bindparam("user")),
    Factor.RECOVERY_CODE: delete(recovery_codes).where(
        recovery_codes.c.user_id == bindparam("user")
    ),
}


async def second_factors(executor: Executor, user: UserId) -> tuple[Factor, ...]:
    """The kinds of factors that this user can use now."""
    row = await executor.one(_FACTORS, {"user": user})
    return tuple(kind for kind in Factor if row is not None and getattr(row, kind.value))


async def has_second_factor(executor: Executor, user: UserId) -> bool:
    """Whether a password alone does not let this user in."""
    return is_two_step(await second_factors(executor, user))


async def ways_in(executor: Executor, user: UserId) -> WaysIn:
    """By what this user can log in; after `Accounts.lock` it stays so until the commit."""
    row = await executor.one(_WAYS_IN, {"user": user})
    return WaysIn(row.password, row.identities, row.passkeys) if row else WaysIn(False, 0, 0)


async def remove_all(executor: Executor, user: UserId, kind: Factor) -> int:
    """Delete all factors of a kind; how many there were."""
    return await executor.run(_REMOVE[kind], {"user": user})
