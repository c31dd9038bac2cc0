"""Accounts in the database."""

from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from auth_service.accounts.domain import Account, email_key, handle_key, handle_skeleton
from auth_service.tables import users
from shared.db.executor import Executor
from shared.security.principal import UserId

ACCOUNT = (
    users.c.id,
    users.c.email,
    users.c.handle,
    users.c.roles,
    users.c.created_at,
    users.c.email_verified_at,
    users.c.guest,
    users.c.display_name,
    users.c.bio,
    users.c.avatar,
    users.c.language,
    users.c.time_zone,
    users.c.suspended_at,
    users.c.deletion_due_at,
)

_ADD = insert(users).on_conflict_do_nothing().returning(users.c.id)
_BY_ID = select(*ACCOUNT).where(users.c.id == bindparam("id"))
_TAKEN = select(users.c.email_key, users.c.handle_key).where(
    (users.c.email_key == bindparam("email_key")) | (users.c.handle_key == bindparam("handle_key"))
)
_BY_EMAIL = select(*ACCOUNT, users.c.password_hash).where(users.c.email_key == bindparam("key"))
_BY_HANDLE = select(*ACCOUNT, users.c.password_hash).where(users.c.handle_key == bindparam("key"))


class Taken(NamedTuple):
    """What of a new account belongs to another one already."""

    email: bool
    handle: bool


def account_of(row: Row[Any]) -> Account:
    """The account in a row that has the columns of `ACCOUNT`."""
    return Account(
        id=row.id,
        email=row.email,
        handle=row.handle,
        roles=tuple(row.roles),
        created_at=row.created_at,
        email_verified=row.email_verified_at is not None,
        guest=row.guest,
        display_name=row.display_name,
        bio=row.bio,
        avatar=row.avatar,
        language=row.language,
        time_zone=row.time_zone,
        suspended=row.suspended_at is not None,
        deletion_due_at=row.deletion_due_at,
    )


class Accounts:
    """Everybody's accounts."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def add(self, account: Account, password_hash: str | None) -> bool:
        """Whether it was added; not when its e-mail address or handle is taken.

        One that is being added by somebody else at this moment is waited for.
        """
        row = {
            "id": account.id,
            "email": account.email,
            "email_key": email_key(account.email) if account.email else None,
            "handle": account.handle,
            "handle_key": handle_key(account.handle),
            "handle_skeleton": handle_skeleton(account.handle),
            "password_hash": password_hash,
            "roles": list(account.roles),
            "guest": account.guest,
            "display_name": account.display_name,
            "language": account.language,
            "created_at": account.created_at,
        }
        return await self._executor.one(_ADD, row) is not None

    async def taken(self, email: str, handle: str) -> Taken:
        """What of these belongs to an account."""
        keys = {"email_key": email_key(email), "handle_key": handle_key(handle)}
        rows = await self._executor.all(_TAKEN, keys)
        return Taken(
            any(row.email_key == keys["email_key"] for row in rows),
            any(row.handle_key == keys["handle_key"] for row in rows),
        )

    async def find(self, user: UserId) -> Account | None:
        """The account of that id."""
        row = await self._executor.one(_BY_ID, {"id": user})
        return account_of(row) if row else None

    async def find_with_hash(self, login: str) -> tuple[Account, str | None] | None:
        """The account of that e-mail address or handle, and its password hash, if it has one."""
        if not login.isprintable():  # nobody's, and not every such character fits in a query
            return None
        if "@" in login:
            row = await self._executor.one(_BY_EMAIL, {"key": email_key(login)})
        else:
            row = await self._executor.one(_BY_HANDLE, {"key": handle_key(login)})
        return (account_of(row), row.password_hash) if row else None
