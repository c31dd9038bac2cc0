"""Names and addresses in the forms that PostgreSQL and its driver read."""


def quoted(name: str) -> str:
    """`name` as an SQL identifier, whatever it contains."""
    if not name or "\0" in name:
        raise ValueError(f"{name!r} cannot be the name of anything in PostgreSQL")
    return '"' + name.replace('"', '""') + '"'


def without_driver(url: str) -> str:
    """A SQLAlchemy URL (`postgresql+asyncpg://…`) as asyncpg itself reads it."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)
