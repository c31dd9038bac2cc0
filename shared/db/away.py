"""Telling a database that is away from a statement that is wrong."""

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import Unavailable


class DatabaseAway(Unavailable):
    """The database refuses connections, cannot be found, or broke one off."""

    code, title = "database_unavailable", "The database is not available right now"


_REFUSED = (
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.InsufficientResourcesError,  # class 53: too many connections, a full disk
    asyncpg.OperatorInterventionError,  # class 57: shutting down, crashed, starting, recovering
    asyncpg.DeadlockDetectedError,  # it has undone one of those who waited in a circle: try again
    ConnectionError,
    PoolTimeout,
    OperationalError,
    InterfaceError,
)

CANNOT_CONNECT = (*_REFUSED, OSError)
"""What fails to connect: as `OSError` also a socket, a host or a name that is not there."""

MAY_BE_LOST = (*_REFUSED, DBAPIError)
"""What a statement raises that `is_lost` has to judge."""


def is_lost(error: BaseException) -> bool:
    """Whether `error` tells of a lost or refused connection.

    Errors come from asyncpg as they are, or wrapped by SQLAlchemy.
    """
    if isinstance(error, _REFUSED):
        return True
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated
        or isinstance(error.orig.__cause__ if error.orig else None, _REFUSED)
    )
