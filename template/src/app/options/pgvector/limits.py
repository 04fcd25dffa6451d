"""Rate limits and daily budgets that hold for several machines, counted in PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any, Final  # noqa: TID251 - rows of any type

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg_pool import AsyncConnectionPool

from app.exceptions import AppError
from app.options.pgvector.database import address
from gwkit.http.limits import MINUTE
from gwkit.models.spending import Spent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from concurrent.futures import Future
    from typing import LiteralString, Self

    from app.options.pgvector.settings import PgvectorSettings

__all__ = ["PostgresCounts"]

# A request waits for as long, and is then counted by its own process.
_PATIENCE_SECONDS: Final = 1.0
_CONNECTIONS: Final = 4
_CLEANING_SECONDS: Final = 60.0

# Requests of a minute need not survive a crash of the server, so their table is not logged.
_TABLES: Final = """
    CREATE SCHEMA IF NOT EXISTS {schema};
    CREATE UNLOGGED TABLE IF NOT EXISTS {schema}.clients (
        client text PRIMARY KEY, whole_again double precision NOT NULL
    );
    CREATE TABLE IF NOT EXISTS {schema}.spending (
        day date PRIMARY KEY, tokens bigint NOT NULL, cost_usd double precision NOT NULL
    )
"""
# The row is locked before its time is compared, so no two counts admit the same request. The time
# to wait is from before the count: it may be late by what others were admitted meanwhile.
_COUNT: Final = """
    WITH counted AS (
        INSERT INTO {schema}.clients AS known VALUES (%(client)s, {now} + %(interval)s)
        ON CONFLICT (client) DO UPDATE
        SET whole_again = greatest(known.whole_again, {now}) + %(interval)s
        WHERE known.whole_again - {now} - %(burst)s <= 1e-6
        RETURNING true
    )
    SELECT exists (SELECT FROM counted), coalesce(
        (SELECT whole_again - {now} - %(burst)s FROM {schema}.clients WHERE client = %(client)s), 0
    )
"""
_CLEAN: Final = "DELETE FROM {schema}.clients WHERE whole_again < {now}"
_ADD: Final = """
    INSERT INTO {schema}.spending AS known VALUES (%(day)s, %(tokens)s, %(cost_usd)s)
    ON CONFLICT (day) DO UPDATE SET tokens = known.tokens + excluded.tokens,
        cost_usd = known.cost_usd + excluded.cost_usd
    RETURNING tokens, cost_usd
"""
_FIND: Final = "SELECT tokens, cost_usd FROM {schema}.spending WHERE day = %(day)s"
_NOW = SQL("extract(epoch FROM clock_timestamp())::float8")


class PostgresCounts:
    """Counts in a schema beside that of the index, by the clock of the database.

    It is a `gwkit.http.shared_limits.RequestCounts` and a `gwkit.models.spending.Spending`. Made by
    `open`, as a context manager.
    """

    def __init__(self, pool: AsyncConnectionPool, schema: str) -> None:
        self._pool = pool
        self._names = {"schema": Identifier(schema), "now": _NOW}
        self._loop = asyncio.get_running_loop()
        self._next_cleaning = 0.0
        self._writing: set[Future[Spent]] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: PgvectorSettings) -> AsyncIterator[Self]:
        """Make the tables where there are none; wait for what is being written at the end.

        Raises:
            AppError: the database cannot be used.
        """
        pool = AsyncConnectionPool(
            address(settings, "limits"),
            kwargs={"autocommit": True, "prepare_threshold": None},
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=settings.pgvector_timeout_seconds,
            open=False,
            check=AsyncConnectionPool.check_connection,
        )
        counts = cls(pool, f"{settings.pgvector_schema}_limits")
        try:
            with _explained():
                await pool.open(wait=True, timeout=settings.pgvector_timeout_seconds)
                async with pool.connection() as connection, connection.transaction():
                    # Replicas that start together wait for the first one.
                    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('limits'))")
                    await connection.execute(SQL(_TABLES).format(**counts._names))
            yield counts
        finally:
            await counts._written()
            await pool.close()

    async def count(self, client: str, per_minute: int) -> float:
        """Count a request and return 0, or return the seconds to wait and do not count it.

        Raises:
            AppError: the database cannot be used.
        """
        interval = MINUTE / per_minute
        values = {"client": client, "interval": interval, "burst": MINUTE - interval}
        with _explained():
            async with asyncio.timeout(_PATIENCE_SECONDS):
                is_counted, wait = await self._row(_COUNT, values) or (False, interval)
                if (now := self._loop.time()) >= self._next_cleaning:
                    self._next_cleaning = now + _CLEANING_SECONDS
                    async with self._pool.connection() as connection:
                        await connection.execute(SQL(_CLEAN).format(**self._names))
        return 0.0 if is_counted else max(1e-3, wait)

    async def spent(self, day: str) -> Spent:
        """Return what was spent on a day; what this process has added before is in it.

        Raises:
            AppError: the database cannot be used.
        """
        with _explained():
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._written()
                found = await self._row(_FIND, {"day": date.fromisoformat(day)})
        return Spent(*found) if found else Spent()

    def spend(self, day: str, spent: Spent) -> Future[Spent]:
        """Add to what was spent on a day, and return all of it once that is written."""
        future = asyncio.run_coroutine_threadsafe(self._add(day, spent), self._loop)
        self._writing.add(future)
        future.add_done_callback(self._writing.discard)
        return future

    async def _add(self, day: str, spent: Spent) -> Spent:
        with _explained():
            found = await self._row(_ADD, {"day": date.fromisoformat(day), **asdict(spent)})
        return Spent(*found or ())

    async def _written(self) -> None:
        writing = [asyncio.wrap_future(one) for one in [*self._writing]]
        await asyncio.gather(*writing, return_exceptions=True)

    async def _row(
        self, statement: LiteralString, values: Mapping[str, object]
    ) -> tuple[Any, ...] | None:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(SQL(statement).format(**self._names), values)
            return await cursor.fetchone()


@contextmanager
def _explained() -> Iterator[None]:
    """Raise errors of the database as those of the service.

    Raises:
        AppError: in place of the error underneath.
    """
    try:
        yield
    except (psycopg.Error, TimeoutError) as exc:
        detail = " ".join(str(exc).split()) or type(exc).__name__
        raise AppError(f"the limits in PostgreSQL cannot be counted ({detail})") from exc
