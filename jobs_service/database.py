"""The database of the jobs service, as each of its processes opens it."""

from jobs_service.settings import JobsSettings
from shared.db.database import Database

SCHEMA = "jobs"


def open_database(settings: JobsSettings) -> Database:
    """The pool of one process."""
    return Database(
        settings.database_url.get_secret_value(),
        schema=SCHEMA,
        source="jobs",
        pool_size=settings.database_pool_size,
        hot_size=max(1, settings.database_pool_size // 2),
    )
