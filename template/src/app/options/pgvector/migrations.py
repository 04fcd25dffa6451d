"""The tables of the index: made and brought up to date once, however many replicas start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psycopg.sql import SQL, Identifier, Literal
from psycopg.types.json import Jsonb

from app.exceptions import IndexMismatchError, RetrievalError
from app.options.pgvector.database import made_with
from app.options.pgvector.searching import MOST_INDEXED

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from app.options.pgvector.database import Database

__all__ = ["prepare"]

_OLDEST_PGVECTOR: Final = (0, 8)
"""The first version with iterative scans."""


# Applied in this order, and never changed once they are released: a layout is a number of them.
_MIGRATIONS: Final = (
    """
    CREATE TABLE state (
        id integer PRIMARY KEY CHECK (id = 1),
        layout integer NOT NULL,
        made_with jsonb NOT NULL,
        version bigint NOT NULL
    );
    -- `version` is that of the index when the document was last written.
    CREATE TABLE documents (
        path text COLLATE "C" PRIMARY KEY,
        title text NOT NULL,
        content_hash text NOT NULL,
        source text NOT NULL,
        chunks integer NOT NULL,
        indexed_at text NOT NULL,
        metadata jsonb NOT NULL,
        version bigint NOT NULL DEFAULT 0
    );
    CREATE INDEX ON documents USING gin (metadata jsonb_path_ops);
    CREATE TABLE chunks (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        path text COLLATE "C" NOT NULL REFERENCES documents ON DELETE CASCADE,
        position integer NOT NULL,
        headings jsonb NOT NULL,
        places jsonb NOT NULL,
        text text NOT NULL,
        words tsvector NOT NULL,
        embedding vector({dimension}),
        UNIQUE (path, position)
    );
    -- Every lookup of a term reads the whole list of rows that are not sorted in yet: up to 4 MB by
    -- default, which takes ten times as long as the lookup itself.
    CREATE INDEX ON chunks USING gin (words) WITH (gin_pending_list_limit = 256);
    CREATE TABLE failures (
        path text COLLATE "C" PRIMARY KEY,
        reason text NOT NULL,
        attempts integer NOT NULL,
        failed_at text NOT NULL,
        source text NOT NULL,
        kind text NOT NULL,
        first_failed_at text NOT NULL,
        content_hash text NOT NULL
    );
    """,
)
_VECTOR_INDEX: Final = """
    CREATE INDEX ON chunks USING hnsw ((embedding::halfvec({dimension})) halfvec_ip_ops)
"""


async def prepare(connection: AsyncConnection, database: Database, *, anew: bool = False) -> str:
    """Make the tables in the schema, or bring them up to date; return the role's search path.

    Other processes that do the same wait until this is done.

    Args:
        connection: in autocommit mode.
        database: says which schema, and what the index is made with.
        anew: make them again if the index was made with something else.

    Raises:
        IndexMismatchError: the index was made with something else.
        RetrievalError: pgvector is too old.
    """
    schema = Identifier(database.schema)
    async with connection.transaction():
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [database.schema]
        )
        await _check_extension(connection)
        cursor = await connection.execute(
            "SELECT current_setting('search_path'), to_regnamespace(%s), to_regclass(%s)",
            [database.schema, f"{database.schema}.state"],
        )
        search_path, has_schema, has_state = await cursor.fetchone() or ("", None, None)
        here = SQL("SET LOCAL search_path TO {}, {}").format(schema, SQL(search_path))
        if has_state and anew and not await _fits(connection, database):
            await connection.execute(SQL("DROP SCHEMA {} CASCADE").format(schema))
            has_schema = has_state = None
        if not has_schema:
            await connection.execute(SQL("CREATE SCHEMA {}").format(schema))
        await connection.execute(here)
        await _migrate(connection, database, is_new=not has_state)
    return str(search_path)


async def _check_extension(connection: AsyncConnection) -> None:
    await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    cursor = await connection.execute(
        "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
    )
    (version,) = await cursor.fetchone() or ("0.0",)
    if tuple(map(int, version.split(".")[:2])) < _OLDEST_PGVECTOR:
        raise RetrievalError(
            f"pgvector {version} is too old: update it to 0.8 or newer, then run "
            "`ALTER EXTENSION vector UPDATE` in the database"
        )


async def _fits(connection: AsyncConnection, database: Database) -> bool:
    return await made_with(connection, database.schema) == database.made_with


async def _migrate(connection: AsyncConnection, database: Database, *, is_new: bool) -> None:
    # Without an embedder the column stays empty; a vector has one dimension at least.
    layout, dimension = 0, Literal(max(1, database.manifest.dimension))
    if not is_new:
        cursor = await connection.execute("SELECT layout FROM state")
        (layout,) = await cursor.fetchone() or (0,)
        if layout > len(_MIGRATIONS):
            raise IndexMismatchError({"layout": (str(layout), str(len(_MIGRATIONS)))})
        database.check(await made_with(connection, database.schema))
    for migration in _MIGRATIONS[layout:]:
        await connection.execute(SQL(migration).format(dimension=dimension))
    if is_new:
        if 0 < database.manifest.dimension <= MOST_INDEXED:
            await connection.execute(SQL(_VECTOR_INDEX).format(dimension=dimension))
        await connection.execute(
            "INSERT INTO state VALUES (1, %s, %s, 0)",
            [len(_MIGRATIONS), Jsonb(database.made_with)],
        )
    elif layout < len(_MIGRATIONS):
        await connection.execute("UPDATE state SET layout = %s", [len(_MIGRATIONS)])
