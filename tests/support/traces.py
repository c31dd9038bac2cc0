"""Looks for what is known of a person in every table of a schema."""

from sqlalchemy import text

from shared.db.database import Database
from shared.db.identifiers import quoted


async def traces(database: Database, *words: str) -> dict[str, list[str]]:
    """The rows of each table, as text, that hold one of `words` in any case."""
    tables = await database.all(
        text("SELECT tablename FROM pg_tables WHERE schemaname = :schema ORDER BY tablename"),
        {"schema": database.schema},
    )
    found = {}
    for table in (row.tablename for row in tables):
        rows = await database.all(
            text(
                f"SELECT one::text AS row FROM {quoted(table)} one"
                " WHERE EXISTS (SELECT FROM unnest(CAST(:words AS text[])) word"
                " WHERE position(lower(word) IN lower(one::text)) > 0) ORDER BY 1"
            ),
            {"words": list(words)},
        )
        if rows:
            found[table] = [row.row for row in rows]
    return found
