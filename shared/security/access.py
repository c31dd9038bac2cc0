"""Whether a verified caller may use an endpoint: the scopes of roles and API keys, and guests."""

from shared.errors import Forbidden
from shared.security.principal import CallingService, Principal

ADMIN = "admin:"
"""How the scopes begin that nobody has without a role."""
PLAN = "plan:"
"""How the scopes begin that name their owner's plan: no call asks for one, limits follow them."""


class ScopeMissing(Forbidden):
    """The caller's roles, or the API key, do not include what this needs."""

    code, title = "scope_missing", "Your roles or your API key do not allow this"


class SessionRequired(Forbidden):
    """An API key is not enough here: somebody has to log in."""

    code, title = "session_required", "API keys cannot do this; log in"


class AccountRequired(Forbidden):
    """A guest would have to register first."""

    code, title = "account_required", "Guests cannot do this; register first"


def refuse(caller: Principal, scope: str | None, *, guests: bool) -> None:
    """Raise when `caller` may not use an endpoint that is declared with `scope` and `guests`."""
    if caller.guest and not guests:
        raise AccountRequired
    if scope is None:
        if caller.api_key:
            raise SessionRequired
    elif scope not in caller.scopes and (caller.api_key or scope.startswith(ADMIN)):
        raise ScopeMissing(f"This needs the scope {scope}.")


def refuse_service(caller: CallingService, callers: tuple[str, ...]) -> None:
    """Raise `Forbidden` unless `caller` is one of `callers`, where an endpoint names any."""
    if callers and caller.name not in callers:
        raise Forbidden(f"This is for {' and '.join(callers)}, not for {caller.name!r}.")


def refusals(scope: str | None, *, guests: bool) -> list[type[Forbidden]]:
    """What `refuse` can raise for an endpoint that is declared like this."""
    found: list[type[Forbidden]] = [SessionRequired if scope is None else ScopeMissing]
    return found if guests else [*found, AccountRequired]
