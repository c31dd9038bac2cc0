import asyncpg
import msgspec
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.db.away import is_lost
from shared.errors import Conflict, Invalid, Unavailable
from shared.messaging.failures import is_final, reason


def _wrapped(cause: Exception) -> DBAPIError:
    """As SQLAlchemy wraps what asyncpg raises."""
    translated = Exception(str(cause))
    translated.__cause__ = cause
    return DBAPIError("SELECT 1", None, translated)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("refused"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        PoolTimeout("every connection is in use"),
        OperationalError("SELECT 1", None, Exception("terminated")),
        DBAPIError("SELECT 1", None, Exception("lost"), connection_invalidated=True),
        _wrapped(asyncpg.AdminShutdownError("terminating connection")),
    ],
)
def test_a_lost_connection_means_that_the_database_is_away(error: Exception) -> None:
    assert is_lost(error)


@pytest.mark.parametrize(
    "error",
    [
        IntegrityError("INSERT", None, Exception("duplicate key")),
        ProgrammingError("SELECT", None, Exception("no such table")),
        _wrapped(asyncpg.UniqueViolationError("duplicate key")),
        FileNotFoundError("video.mp4"),
        Conflict("taken"),
    ],
)
def test_a_refused_statement_means_that_it_is_there(error: Exception) -> None:
    assert not is_lost(error)


@pytest.mark.parametrize("error", [Invalid("no"), Conflict("no"), msgspec.ValidationError("no")])
def test_broken_input_is_final(error: Exception) -> None:
    assert is_final(error)


@pytest.mark.parametrize("error", [Unavailable("later"), RuntimeError("a bug"), OSError("disk")])
def test_what_may_pass_is_not_final(error: Exception) -> None:
    assert not is_final(error)


def test_the_reason_names_a_problem_by_its_code_and_other_errors_by_their_type() -> None:
    assert reason(Invalid("Too short.")) == "invalid_input: Too short."
    assert reason(KeyError("video")) == "KeyError: 'video'"


def test_a_reason_stays_short() -> None:
    assert len(reason(RuntimeError("x" * 100_000))) == 1000
