"""Accounts in the database."""

from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, exists, select, update
from sqlalchemy.dialects.postgresql import insert

from auth_service.accounts import handles
from auth_service.accounts.domain import Account, email_key
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
_LOCK = _BY_ID.with_for_update()
_KEEP_ACTIVE = (
    select(users.c.password_hash)
    .where(users.c.id == bindparam("id"), users.c.suspended_at.is_(None))
    .with_for_update(read=True)
)
_IS_OF_HANDLE = (users.c.handle_key == bindparam("wanted_key")) | (
    users.c.handle_skeleton == bindparam("wanted_skeleton")
)
_TAKEN = select(
    exists().where(users.c.email_key == bindparam("wanted_email")).label("email"),
    exists().where(_IS_OF_HANDLE).label("handle"),
)
_CHANGE = (
    update(users)
    .where(users.c.id == bindparam("user"))
    .values(
        handle=bindparam("new_handle"),
        handle_key=bindparam("new_key"),
        handle_skeleton=bindparam("new_skeleton"),
        display_name=bindparam("new_name"),
        bio=bindparam("new_bio"),
        language=bindparam("new_language"),
        time_zone=bindparam("new_zone"),
        avatar=bindparam("new_avatar"),
        revision=users.c.revision + 1,
    )
    .returning(users.c.revision)
)
_HANDLE_OF_ANOTHER = select(users.c.id).where(_IS_OF_HANDLE, users.c.id != bindparam("user"))
_BY_EMAIL = select(*ACCOUNT, users.c.password_hash).where(users.c.email_key == bindparam("key"))
_BY_HANDLE = select(*ACCOUNT, users.c.password_hash).where(users.c.handle_key == bindparam("key"))

# Who has changed the password since the old hash was read keeps the new one.
_REPLACE_HASH = (
    update(users)
    .where(
        users.c.id == bindparam("user"),
        users.c.password_hash.is_not_distinct_from(bindparam("old_hash")),
    )
    .values(password_hash=bindparam("new_hash"))
)
_HASH_OF = select(users.c.password_hash).where(users.c.id == bindparam("user"))


class Kept(NamedTuple):
    """What does not change until the commit."""

    password_hash: str | None


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
            "email_verified_at": account.created_at if account.email_verified else None,
            "handle": account.handle,
            "handle_key": handles.key(account.handle),
            "handle_skeleton": handles.skeleton(account.handle),
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
        row = await self._executor.one(
            _TAKEN, {"wanted_email": email_key(email), **_wanted(handle)}
        )
        return Taken(row.email, row.handle) if row else Taken(False, False)

    async def is_taken_by_another(self, handle: str, user: UserId) -> bool:
        """Whether a user other than this one has that handle, or one that looks like it."""
        found = await self._executor.one(_HANDLE_OF_ANOTHER, {"user": user, **_wanted(handle)})
        return found is not None

    async def save_profile(self, account: Account) -> int:
        """Write what the owner can change of an account; its new revision."""
        params = {
            "user": account.id,
            "new_handle": account.handle,
            "new_key": handles.key(account.handle),
            "new_skeleton": handles.skeleton(account.handle),
            "new_name": account.display_name,
            "new_bio": account.bio,
            "new_language": account.language,
            "new_zone": account.time_zone,
            "new_avatar": account.avatar,
        }
        row = await self._executor.one(_CHANGE, params)
        return row.revision if row else 0

    async def lock(self, user: UserId) -> Account | None:
        """The account of that id, which nobody else changes until this transaction ends."""
        row = await self._executor.one(_LOCK, {"id": user})
        return account_of(row) if row else None

    async def keep_active(self, user: UserId) -> Kept | None:
        """If the account is there and not suspended, it stays so until the commit, and so does its
        password."""
        row = await self._executor.one(_KEEP_ACTIVE, {"id": user})
        return Kept(row.password_hash) if row else None

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
            row = await self._executor.one(_BY_HANDLE, {"key": handles.key(login)})
        return (account_of(row), row.password_hash) if row else None

    async def hash_of(self, user: UserId) -> str | None:
        """The password hash of an account, if it has one."""
        row = await self._executor.one(_HASH_OF, {"user": user})
        return row.password_hash if row else None

    async def replace_hash(self, user: UserId, old: str | None, new: str) -> bool:
        """Put `new` in the place of `old`; not when somebody else has been quicker."""
        params = {"user": user, "old_hash": old, "new_hash": new}
        return await self._executor.run(_REPLACE_HASH, params) == 1


def _wanted(handle: str) -> dict[str, str]:
    return {"wanted_key": handles.key(handle), "wanted_skeleton": handles.skeleton(handle)}
