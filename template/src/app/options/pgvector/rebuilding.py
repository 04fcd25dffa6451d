"""Rebuilding: a new index grows beside the old one, which is read until it is replaced at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import structlog
from psycopg.sql import SQL, Identifier, Literal

from app.exceptions import RetrievalError
from app.options.pgvector.database import explained, made_with
from gwkit.index.store import UPLOAD

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from app.options.pgvector.database import Database

__all__ = ["Rebuild"]

_log = structlog.stdlib.get_logger(__name__)

# Uploads that are not in the new index, or in another version, and what others have written to
# the old one meanwhile.
_TAKE_OVER = SQL("""
    CREATE TEMPORARY TABLE taken ON COMMIT DROP AS
    SELECT old.path FROM {old}.documents AS old LEFT JOIN {new}.documents AS new USING (path)
    WHERE CASE WHEN old.source = {upload}
        THEN (new.source, new.content_hash) IS DISTINCT FROM (old.source, old.content_hash)
        ELSE new.path IS NULL AND old.version > {since}
    END;
    DELETE FROM {new}.documents AS new WHERE new.path IN (SELECT path FROM taken)
    OR new.source = {upload} AND NOT EXISTS (
        SELECT FROM {old}.documents AS old WHERE old.path = new.path
    );
    INSERT INTO {new}.documents SELECT * FROM {old}.documents
    WHERE path IN (SELECT path FROM taken);
    INSERT INTO {new}.chunks (path, position, headings, places, text, words, embedding)
    SELECT path, position, headings, places, text, words, embedding FROM {old}.chunks
    WHERE path IN (SELECT path FROM taken) ORDER BY id;
""")
_LOCK = SQL("LOCK TABLE {old}.state IN ACCESS EXCLUSIVE MODE")
_COUNT_ON = SQL("""
    UPDATE {new}.state AS new SET version = greatest(new.version, old.version) + 1
    FROM {old}.state AS old
""")
_REPLACE = SQL("DROP SCHEMA IF EXISTS {old} CASCADE; ALTER SCHEMA {new} RENAME TO {old}")


class Rebuild:
    """Takes the place of the index that there is; made by `begin`.

    Args:
        lock: a connection that keeps other rebuilds of this index away, as long as it is open.
        schema: of the index that is replaced.
        since: the version of that index at the beginning.
    """

    def __init__(self, lock: AsyncConnection, schema: str, since: int) -> None:
        self._lock = lock
        self._schema = schema
        self._since = since

    @classmethod
    async def begin(cls, lock: AsyncConnection, database: Database) -> Self:
        """Let the database work on a new index, or on one that an interrupted rebuild left.

        Raises:
            RetrievalError: another process rebuilds the index, or the database could not do it.
        """
        schema = database.schema
        cursor = await lock.execute(
            "SELECT pg_try_advisory_lock(hashtextextended(%s, 1)), to_regclass(%s)",
            [schema, f"{schema}.state"],
        )
        is_free, has_state = await cursor.fetchone() or (False, None)
        if not is_free:
            raise RetrievalError(f"another process is rebuilding the index {schema}")
        since = 0
        if has_state:
            query = SQL("SELECT version FROM {}.state").format(Identifier(schema))
            (since,) = await (await lock.execute(query)).fetchone() or (0,)
        database.schema = f"{schema}_rebuild"
        return cls(lock, schema, since)

    async def publish(self, database: Database) -> None:
        """Put the new index in the place of the old one, in one transaction.

        It waits for transactions on the old one that have begun, and later ones wait for it.

        Raises:
            RetrievalError: the old one stays.
        """
        values = {
            "old": Identifier(self._schema),
            "new": Identifier(database.schema),
            "upload": Literal(UPLOAD),
            "since": Literal(self._since),
        }
        with explained():
            async with self._lock.transaction():
                cursor = await self._lock.execute(
                    "SELECT to_regclass(%s)", [f"{self._schema}.state"]
                )
                if await cursor.fetchone() != (None,):
                    await self._lock.execute(_LOCK.format(**values))
                    if await made_with(self._lock, self._schema) == database.made_with:
                        await self._lock.execute(_TAKE_OVER.format(**values))
                    await self._lock.execute(_COUNT_ON.format(**values))
                await self._lock.execute(_REPLACE.format(**values))
        database.schema = self._schema
        _log.info("index_replaced", schema=self._schema)

    async def end(self) -> None:
        """Let others rebuild."""
        await self._lock.close()
