"""`python -m auth_service seed`: test users, anywhere but in production."""

import os
import sys

from sqlalchemy.exc import IntegrityError

from auth_service.accounts.passwords import Passwords
from auth_service.seeding.domain import PASSWORD, PEOPLE
from auth_service.seeding.use_cases import SeedUsers
from auth_service.settings import AuthSettings
from shared.clock import SystemClock
from shared.db.away import DatabaseAway
from shared.db.database import Database


async def seed(settings: AuthSettings) -> int:
    """Make the test users, and say how to log in."""
    if settings.environment == "production":
        sys.stderr.write("Test users have a password that everybody knows: not in production.\n")
        return 1
    url = settings.database_url.get_secret_value()
    database = Database(url, schema="auth", source="auth", pool_size=1)
    passwords = Passwords(os.cpu_count() or 1)
    try:
        made = await SeedUsers(database, passwords, SystemClock())()
    except IntegrityError:
        sys.stderr.write("One of the handles of the test users is somebody else's already.\n")
        return 1
    except DatabaseAway as away:
        sys.stderr.write(f"{away}\n")
        return 1
    finally:
        await passwords.close()
        await database.close()
    sys.stdout.write(_report(made))
    return 0


def _report(made: int) -> str:
    lines = [f"{len(PEOPLE)} test users, {made} of them new. The password of each: {PASSWORD}"]
    for person in PEOPLE:
        roles = f"  ({', '.join(person.roles)})" if person.roles else ""
        lines.append(f"  {person.email:<24} {person.display_name}{roles}")
    return "\n".join([*lines, ""])
