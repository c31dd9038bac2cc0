"""What roles allow beyond everybody's rights."""

from collections.abc import Iterable

SCOPES_OF_ROLE: dict[str, tuple[str, ...]] = {
    "admin": (
        "admin:users:read",
        "admin:users:write",
        "admin:audit:read",
        "admin:credits:write",
    ),
    "support": ("admin:users:read", "admin:audit:read"),
    "pro": ("plan:pro",),
}
"""By role. Services ask for scopes, never for roles."""


def scopes_of(roles: Iterable[str]) -> tuple[str, ...]:
    """The scopes of all these roles together, sorted; an unknown role has none."""
    return tuple(sorted({scope for role in roles for scope in SCOPES_OF_ROLE.get(role, ())}))
