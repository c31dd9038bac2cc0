"""What this service knows of a user. No secret, and no hash of one, is among it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Select, Table, bindparam, case, null, select

from auth_service.exports.collecting import File, FileGone, Record
from auth_service.tables import (
    api_keys,
    audit,
    exports,
    identities,
    mails,
    passkeys,
    recovery_codes,
    sessions,
    tickets,
    totp,
    users,
)
from shared.db.database import Database
from shared.security.principal import UserId
from shared.storage.storage import NoSuchObject, Storage

_PAGE = 500
_AVATARS = "avatars/"


def _of_user(table: Table, *names: str, order: str = "id") -> Select[Any]:
    return (
        select(*(table.c[name] for name in names))
        .where(table.c.user_id == bindparam("user"))
        .order_by(table.c[order])
    )


def _if_by_themselves(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """What an entry tells of its actor is the user's own only where they were that."""
    return case((audit.c.actor_id == bindparam("user"), column), else_=null()).label(column.key)


_ACCOUNT = select(
    *(
        users.c[name]
        for name in (
            "id", "email", "email_verified_at", "handle", "display_name", "bio", "avatar",
            "language", "time_zone", "roles", "guest", "suspended_at", "suspended_because",
            "deletion_due_at", "created_at",
        )
    )
).where(users.c.id == bindparam("user"))  # fmt: skip
_AUDIT = (
    select(
        audit.c.id,
        audit.c.at,
        audit.c.action,
        audit.c.subject_id,
        *(_if_by_themselves(audit.c[name]) for name in ("actor_id", "address", "user_agent")),
        audit.c.details,
    )
    .where((audit.c.actor_id == bindparam("user")) | (audit.c.subject_id == bindparam("user")))
    .order_by(audit.c.id)
    .limit(_PAGE)
)
_AUDIT_AFTER = _AUDIT.where(audit.c.id > bindparam("after"))

_KINDS: Final = {
    "sessions": _of_user(
        sessions, "id", "created_at", "expires_at", "last_seen_at", "authenticated_at", "methods",
        "address", "user_agent", "revoked_at", "revoked_because",
    ),
    "identities": _of_user(
        identities, "id", "provider", "subject", "email", "created_at", "last_used_at"
    ),
    "authenticator_apps": _of_user(totp, "created_at", "confirmed_at", order="created_at"),
    "passkeys": _of_user(
        passkeys, "id", "name", "transports", "backed_up", "created_at", "last_used_at"
    ),
    "recovery_codes": _of_user(recovery_codes, "used_at", order="used_at"),
    "api_keys": _of_user(
        api_keys, "id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at",
        "revoked_at",
    ),
    "letters": _of_user(mails, "id", "template", "created_at"),
    "links": _of_user(tickets, "purpose", "created_at", "expires_at", order="created_at"),
    "exports": _of_user(exports, "id", "state", "size_bytes", "created_at", "expires_at"),
}  # fmt: skip
"""A handful of rows each, whatever a user does."""


@dataclass(frozen=True, slots=True)
class OwnData:
    """The source of what accounts are about."""

    database: Database
    storage: Storage
    name: str = "account"

    async def records(self, user: UserId) -> AsyncIterator[Record]:
        """The account, what belongs to it, and the audit log of its user."""
        for row in await self.database.all(_ACCOUNT, {"user": user}):
            avatar = row.avatar
            yield _record("account", row, File(avatar, avatar) if avatar else None)
        for kind, statement in _KINDS.items():
            for row in await self.database.all(statement, {"user": user}):
                yield _record(kind, row)
        rows = await self.database.all(_AUDIT, {"user": user})
        while rows:
            for row in rows:
                yield _record("audit", row)
            rows = await self.database.all(_AUDIT_AFTER, {"user": user, "after": rows[-1].id})

    async def content(self, file: File) -> AsyncIterator[bytes]:
        """The avatar; raises `FileGone` and `StorageUnavailable`."""
        try:
            async for block in self.storage.read(_AVATARS + file.path):
                yield block
        except NoSuchObject:
            raise FileGone("It was changed or removed.") from None


def _record(kind: str, row: Any, file: File | None = None) -> Record:
    return Record(kind, msgspec.Raw(msgspec.json.encode(dict(row._mapping))), file)
