"""Giving and taking roles at the machine itself: how the first administrator is made."""

import sys
from collections.abc import Callable

from auth_service.accounts.repository import Accounts
from auth_service.administration.domain import checked_roles
from auth_service.administration.use_cases import SetRoles
from auth_service.device import Device
from auth_service.sessions.use_cases import EndSessions
from auth_service.settings import AuthSettings
from shared.clock import SystemClock
from shared.db.database import Database
from shared.errors import Problem

_HERE = Device(user_agent="command line")


async def grant_role(settings: AuthSettings, login: str, role: str) -> int:
    """Give the account of that e-mail address or handle a role, beside those that it has."""
    return await _change(settings, login, lambda roles: {*roles, *checked_roles((role,))})


async def revoke_role(settings: AuthSettings, login: str, role: str) -> int:
    """Take a role from the account of that e-mail address or handle, and log it out."""
    return await _change(settings, login, lambda roles: {*roles} - {*checked_roles((role,))})


async def _change(
    settings: AuthSettings, login: str, change: Callable[[tuple[str, ...]], set[str]]
) -> int:
    clock = SystemClock()
    url = settings.database_url.get_secret_value()
    database = Database(url, schema="auth", source="auth", pool_size=1)
    try:
        found = await Accounts(database).find_with_hash(login)
        if found is None:
            sys.stderr.write(f"No account has the e-mail address or handle {login!r}.\n")
            return 1
        account, _ = found
        roles = tuple(sorted(change(account.roles)))
        await SetRoles(database, EndSessions(clock), clock)(None, account.id, roles, _HERE)
    except Problem as problem:
        wrong = "; ".join(one.message for one in problem.errors)
        sys.stderr.write(f"{wrong or problem.detail}\n")
        return 1
    finally:
        await database.close()
    sys.stdout.write(f"{account.handle} now has the roles: {', '.join(roles) or 'none'}.\n")
    return 0
