"""What becomes of an event whose handler failed."""

import asyncpg
import msgspec
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import Problem

_CANNOT_CONNECT = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.TooManyConnectionsError,
    ConnectionError,
    PoolTimeout,
    OperationalError,
    InterfaceError,
)


def is_database_away(error: BaseException) -> bool:
    """Whether `error` tells of a lost or refused connection and not of a wrong statement.

    Errors while connecting come unwrapped from asyncpg; later ones are wrapped by SQLAlchemy.
    """
    if isinstance(error, _CANNOT_CONNECT):
        return True
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated
        or isinstance(error.orig.__cause__ if error.orig else None, _CANNOT_CONNECT)
    )


def is_final(error: BaseException) -> bool:
    """Whether trying again cannot help: broken data, or a problem that is not retriable."""
    if isinstance(error, Problem):
        return not error.retriable
    return isinstance(error, msgspec.DecodeError)


def reason(error: BaseException) -> str:
    """One line for the dead letter: what kind of error, and what it said."""
    name = error.code if isinstance(error, Problem) else type(error).__name__
    return f"{name}: {error}"[:1000]
