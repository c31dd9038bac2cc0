"""Test users in the database."""

from datetime import datetime

from sqlalchemy import bindparam, literal_column
from sqlalchemy.dialects.postgresql import insert

from auth_service.accounts import handles
from auth_service.accounts.domain import email_key
from auth_service.seeding.domain import Person
from auth_service.tables import users
from shared.db.executor import Executor
from shared.ids import uuid7
from shared.security.principal import UserId

_NEW = insert(users).values(
    id=bindparam("new_id"),
    email=bindparam("email"),
    email_key=bindparam("email_key"),
    email_verified_at=bindparam("now"),
    handle=bindparam("handle"),
    handle_key=bindparam("handle_key"),
    handle_skeleton=bindparam("skeleton"),
    password_hash=bindparam("password_hash"),
    roles=bindparam("roles"),
    display_name=bindparam("display_name"),
    language=bindparam("language"),
    time_zone=bindparam("time_zone"),
    created_at=bindparam("now"),
)
_RENEWED = (
    "password_hash", "roles", "display_name", "language", "time_zone", "email_verified_at",
)  # fmt: skip
_SEED = _NEW.on_conflict_do_update(
    index_elements=["email_key"],
    set_={
        **{name: _NEW.excluded[name] for name in _RENEWED},
        "suspended_at": None,
        "suspended_because": None,
        "deletion_due_at": None,
    },
).returning(users.c.id, literal_column("xmax = 0").label("is_new"))


async def save(
    executor: Executor, person: Person, password_hash: str, now: datetime
) -> tuple[UserId, bool]:
    """The id of a person who can log in from now on, and whether the account is new."""
    row = await executor.one(
        _SEED,
        {
            "new_id": uuid7(),
            "email": person.email,
            "email_key": email_key(person.email),
            "handle": person.handle,
            "handle_key": handles.key(person.handle),
            "skeleton": handles.skeleton(person.handle),
            "password_hash": password_hash,
            "roles": list(person.roles),
            "display_name": person.display_name,
            "language": person.language,
            "time_zone": person.time_zone,
            "now": now,
        },
    )
    if row is None:
        raise LookupError("an upsert returns its row")
    return UserId(row.id), row.is_new
