"""Accounts by their addresses, and what a proven address changes."""

import hashlib
from datetime import datetime

from sqlalchemy import bindparam, func, select, update

from auth_service.accounts.domain import Account, email_key
from auth_service.accounts.repository import ACCOUNT, account_of
from auth_service.tables import users
from shared.db.executor import Executor
from shared.security.principal import UserId

_LOCK_ADDRESS = select(func.pg_advisory_xact_lock(bindparam("number")))
_BY_EMAIL = select(*ACCOUNT).where(users.c.email_key == bindparam("key"))
_VERIFY = (
    update(users)
    .where(users.c.id == bindparam("user"), users.c.email_key == bindparam("key"))
    .values(email_verified_at=func.coalesce(users.c.email_verified_at, bindparam("now")))
)
_SET_PASSWORD = (
    update(users).where(users.c.id == bindparam("user")).values(password_hash=bindparam("hash"))
)
_CHANGE_EMAIL = (
    update(users)
    .where(users.c.id == bindparam("user"))
    .values(
        email=bindparam("new_email"),
        email_key=bindparam("key"),
        email_verified_at=bindparam("now"),
    )
)


class Addresses:
    """Everybody's e-mail addresses."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def lock(self, email: str) -> None:
        """Let nobody else ask something about this address until the transaction ends; known and
        unknown ones alike."""
        digest = hashlib.sha256(b"address" + email_key(email).encode()).digest()
        number = int.from_bytes(digest[:8], "big", signed=True)
        await self._executor.one(_LOCK_ADDRESS, {"number": number})

    async def owner(self, email: str) -> Account | None:
        """Whose address it is."""
        row = await self._executor.one(_BY_EMAIL, {"key": email_key(email)})
        return account_of(row) if row else None

    async def verify(self, user: UserId, email: str, now: datetime) -> bool:
        """Remember that `user` reads mails to `email`; whether that is still their address."""
        params = {"user": user, "key": email_key(email), "now": now}
        return await self._executor.run(_VERIFY, params) == 1

    async def change(self, user: UserId, email: str, now: datetime) -> None:
        """Give `user` another address, which is proven to be theirs."""
        params = {"user": user, "new_email": email, "key": email_key(email), "now": now}
        await self._executor.run(_CHANGE_EMAIL, params)

    async def set_password(self, user: UserId, password_hash: str) -> None:
        """Let a new password count."""
        await self._executor.run(_SET_PASSWORD, {"user": user, "hash": password_hash})
