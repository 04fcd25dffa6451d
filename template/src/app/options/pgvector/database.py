"""Transactions on the database: a pool of connections, retries, and errors of the service.

Each transaction first locks the table `state` for reading. A rebuilt index takes the place of the
older one under an exclusive lock of that table, so a transaction sees one of them as a whole.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, TypeVar

import psycopg
import structlog
from pgvector.psycopg import register_vector_async
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier, Literal
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from app.exceptions import IndexMismatchError, RetrievalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from psycopg.sql import Composed

    from app.options.pgvector.settings import PgvectorSettings
    from gwkit.index.store import Manifest

__all__ = ["Database", "address", "explained", "made_with"]

_T = TypeVar("_T")

_log = structlog.stdlib.get_logger(__name__)

_PAUSES: Final = (0.1, 0.5, 2.0)
"""Seconds before each further attempt at a transaction whose connection broke."""

_PASSING: Final = ("08", "40", "57P")
"""SQLSTATE of errors after which a transaction is tried again: connection exceptions, conflicts
with other transactions, and a server that shuts down."""

_BEGIN = SQL(
    "SET TRANSACTION ISOLATION LEVEL {level};"
    "SET LOCAL search_path TO {schema}, {others};"
    "SET LOCAL statement_timeout = {milliseconds};"
    "LOCK TABLE state IN ACCESS SHARE MODE"
)
_READ = SQL("REPEATABLE READ READ ONLY")
_WRITE = SQL("READ COMMITTED READ WRITE")


class Database:
    """Runs transactions on one index; `schema` may change from one to the next.

    Args:
        settings: the address and limits.
        manifest: what the index has to be made with.
    """

    def __init__(self, settings: PgvectorSettings, manifest: Manifest) -> None:
        self.manifest = manifest
        self.schema = settings.pgvector_schema
        self.timeout_seconds = settings.pgvector_timeout_seconds
        self._others: Composed | SQL = SQL("public")
        self._address = address(settings, "index")
        self._pool = AsyncConnectionPool(
            self._address,
            # Poolers between here and the server may give each transaction another connection.
            kwargs={"prepare_threshold": None},
            min_size=1,
            max_size=settings.pgvector_connections,
            timeout=self.timeout_seconds,
            open=False,
            configure=register_vector_async,
            check=AsyncConnectionPool.check_connection,
        )

    @property
    def made_with(self) -> dict[str, str]:
        """What an index has to be made with, by name."""
        return {name: str(part) for name, part in asdict(self.manifest).items()}

    async def connect(self) -> AsyncConnection:
        """Return a connection of its own, in autocommit mode.

        Raises:
            RetrievalError: the server cannot be reached.
        """
        with explained():
            return await AsyncConnection.connect(
                self._address, autocommit=True, prepare_threshold=None
            )

    async def open(self, search_path: str) -> None:
        """Open the pool, once the tables are there.

        Args:
            search_path: the setting of the role, where the types of pgvector are found.
        """
        self._others = SQL(search_path)  # as the server quotes it
        try:
            await self._pool.open(wait=True, timeout=self.timeout_seconds)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close all connections; may be called again."""
        await self._pool.close()

    async def read(self, job: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """Return the result of a job that sees one snapshot of the index.

        Raises:
            IndexMismatchError: the index was rebuilt with something else.
            RetrievalError: the database could not do it.
        """
        return await self._run(job, _READ)

    async def write(self, job: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """Return the result of a job that is done as a whole, or not at all.

        If the connection breaks, the job runs again: it must not matter whether it was done.

        Raises:
            IndexMismatchError: the index was rebuilt with something else.
            RetrievalError: the database could not do it; nothing was written.
        """
        return await self._run(job, _WRITE)

    async def _run(self, job: Callable[[AsyncConnection], Awaitable[_T]], level: SQL) -> _T:
        pauses = iter(_PAUSES)
        with explained():
            while True:
                try:
                    return await self._attempt(job, level)
                except psycopg.Error as exc:
                    pause = next(pauses, None) if _may_pass(exc) else None
                    if pause is None:
                        raise
                    _log.warning("transaction_repeated", reason=str(exc), seconds=pause)
                    await asyncio.sleep(pause)

    async def _attempt(self, job: Callable[[AsyncConnection], Awaitable[_T]], level: SQL) -> _T:
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(
                _BEGIN.format(
                    level=level,
                    schema=Identifier(self.schema),
                    others=self._others,
                    milliseconds=Literal(round(1_000 * self.timeout_seconds)),
                )
            )
            self.check(await made_with(connection, self.schema))
            return await job(connection)

    def check(self, found: dict[str, str]) -> None:
        """Return if an index was made with what it has to be made with.

        Raises:
            IndexMismatchError: it was made with something else.
        """
        asked = self.made_with
        if found != asked:
            here = {name: found.get(name, "none") for name in asked}
            raise IndexMismatchError(
                {name: (here[name], asked[name]) for name in asked if here[name] != asked[name]}
            )


def address(settings: PgvectorSettings, application_name: str) -> str:
    """Return the address of the database with what every connection needs."""
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    return make_conninfo(
        url,
        application_name=application_name,
        connect_timeout=max(2, round(settings.pgvector_timeout_seconds)),
        tcp_user_timeout=round(1_000 * settings.pgvector_timeout_seconds),
    )


async def made_with(connection: AsyncConnection, schema: str) -> dict[str, str]:
    """Return what the index in a schema was made with."""
    query = SQL("SELECT made_with FROM {}.state").format(Identifier(schema))
    (found,) = await (await connection.execute(query)).fetchone() or ({},)
    return dict(found)


@contextmanager
def explained() -> Iterator[None]:
    """Raise errors of the database as those of the service.

    Raises:
        RetrievalError: in place of the error underneath.
    """
    try:
        yield
    except psycopg.Error as exc:
        detail = " ".join(str(exc).split()) or type(exc).__name__
        raise RetrievalError(f"the index in PostgreSQL could not do it ({detail})") from exc
    except UnicodeEncodeError as exc:
        raise RetrievalError("a text for the index is no valid Unicode") from exc


def _may_pass(error: psycopg.Error) -> bool:
    if isinstance(error, (PoolClosed, PoolTimeout)):
        return False
    if error.sqlstate is not None:
        return error.sqlstate.startswith(_PASSING)
    return isinstance(error, psycopg.OperationalError)
