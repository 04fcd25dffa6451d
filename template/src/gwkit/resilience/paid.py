"""Keeps paid embeddings, and the cost of each day, in a SQLite file of their own.

The file stands beside the index and not in it, for it outlives a rebuild: the same text is not
embedded twice by the same model, however it is chunked and whatever the index is made with. It
holds no text, only hashes and vectors. It may be deleted while no process runs; that costs what it
costs to embed the documents again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Self, TypeVar

from gwkit.errors import LLMError
from gwkit.models.spending import Spent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    _T = TypeVar("_T")

__all__ = ["PaidStore"]

_BUSY_SECONDS = 60.0
_MOST_QUERIES = 10_000
# Between synced writes of what was spent: each takes the interpreter from the calls for a while.
_PAUSE_SECONDS = 0.1
_SCHEMA = (
    # Not WITHOUT ROWID: a vector takes some KB, and rows of that size make a slow key.
    """CREATE TABLE IF NOT EXISTS embeddings (
        key BLOB PRIMARY KEY,
        vector BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS queries (
        number INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        vector BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS spending (
        day TEXT PRIMARY KEY,
        tokens INTEGER NOT NULL,
        cost_usd REAL NOT NULL
    ) STRICT""",
)


class PaidStore:
    """The file. An async context manager; several processes may share it.

    One thread does all the work, and nothing on the event loop waits for the disk.

    Args:
        path: the file; it and its folder are made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="paid")
        self._connection: sqlite3.Connection | None = None
        self._lock = Lock()
        self._unwritten: list[tuple[str, Spent, Future[Spent]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next_write = 0.0

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        try:
            await self._run(self._open)
        except BaseException:
            self._thread.submit(self._close)
            self._thread.shutdown(wait=False)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._run(self._close)
        self._thread.shutdown()

    async def find(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the vectors that there are, by key."""

        def find() -> dict[bytes, bytes]:
            found: dict[bytes, bytes] = {}
            for key in keys:
                row = self._sqlite.execute(
                    "SELECT vector FROM embeddings WHERE key = ?", (key,)
                ).fetchone()
                if row is not None:
                    found[key] = row[0]
            return found

        return await self._run(find)

    async def keep(self, vectors: Mapping[bytes, bytes]) -> None:
        """Keep vectors by key; once this returns, a crash does not lose them."""

        def keep() -> None:
            _write_many(self._sqlite, vectors.items())

        await self._run(keep)

    async def find_query(self, key: bytes) -> bytes | None:
        """Return the vector of a query, where it is one of the last 10,000."""

        def find() -> bytes | None:
            row: tuple[bytes] | None = self._sqlite.execute(
                "SELECT vector FROM queries WHERE key = ?", (key,)
            ).fetchone()
            return row[0] if row else None

        return await self._run(find)

    async def keep_query(self, key: bytes, vector: bytes) -> None:
        """Keep the vector of a query; callers write those, so the oldest leave."""

        def keep() -> None:
            kept = self._sqlite.execute(
                "INSERT OR REPLACE INTO queries (key, vector) VALUES (?, ?)", (key, vector)
            )
            self._sqlite.execute(
                "DELETE FROM queries WHERE number <= ?", ((kept.lastrowid or 0) - _MOST_QUERIES,)
            )

        await self._run(keep)

    async def spent(self, day: str) -> Spent:
        """Return what was spent on a day."""

        def spent() -> Spent:
            self._write_spending()
            return self._spent(day)

        return await self._run(spent)

    def spend(self, day: str, spent: Spent) -> Future[Spent]:
        """Add to what was spent on a day, and return all of it, of every process, once written.

        The first is written at once, and what is spent within 0.1 s after a write is written
        together: many calls at once cost a few synced writes, not one each.

        Raises:
            LLMError: the store was not opened.
        """
        if self._loop is None:
            raise LLMError(f"{self._path} is closed")
        result: Future[Spent] = Future()
        with self._lock:
            if not self._unwritten:
                self._loop.call_soon_threadsafe(self._write_soon, self._loop)
            self._unwritten.append((day, spent, result))
        return result

    @property
    def _sqlite(self) -> sqlite3.Connection:
        if self._connection is None:
            raise LLMError(f"{self._path} is closed")
        return self._connection

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
        self._connection = connection
        connection.execute("PRAGMA journal_mode = WAL")
        # A write is synced: it costs less than what it keeps from being paid again.
        connection.execute("PRAGMA synchronous = FULL")
        for statement in _SCHEMA:
            connection.execute(statement)

    def _close(self) -> None:
        self._write_spending()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have what is unwritten written, a pause after the last write at the earliest."""
        loop.call_later(max(0.0, self._next_write - monotonic()), self._write_now)

    def _write_now(self) -> None:
        if self._connection is None:
            self._write_spending()  # which tells everybody that the store is closed
        else:
            self._thread.submit(self._write_spending)

    def _write_spending(self) -> None:
        with self._lock:
            unwritten, self._unwritten = self._unwritten, []
        if not unwritten:
            return
        self._next_write = monotonic() + _PAUSE_SECONDS
        for day in dict.fromkeys(day for day, _, _ in unwritten):
            of_day = [(spent, result) for other, spent, result in unwritten if other == day]
            try:
                total = self._add(day, sum((spent for spent, _ in of_day), Spent()))
            except (sqlite3.Error, LLMError) as exc:
                for _, result in of_day:
                    result.set_exception(exc)
            else:
                for _, result in of_day:
                    result.set_result(total)

    def _add(self, day: str, spent: Spent) -> Spent:
        row = self._sqlite.execute(
            """INSERT INTO spending VALUES (?, ?, ?)
            ON CONFLICT (day) DO UPDATE SET tokens = tokens + excluded.tokens,
                cost_usd = cost_usd + excluded.cost_usd
            RETURNING tokens, cost_usd""",
            (day, spent.tokens, spent.cost_usd),
        ).fetchone()
        return Spent(*row)

    def _spent(self, day: str) -> Spent:
        row = self._sqlite.execute(
            "SELECT tokens, cost_usd FROM spending WHERE day = ?", (day,)
        ).fetchone()
        return Spent(*row) if row else Spent()

    async def _run(self, job: Callable[[], _T]) -> _T:
        """Run a job in the thread.

        Raises:
            LLMError: SQLite could not do it.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, copy_context().run, job)
        except (sqlite3.Error, OSError) as exc:
            raise LLMError(f"{self._path} (APP_PAID_PATH) cannot be used: {exc}") from exc


def _write_many(connection: sqlite3.Connection, rows: Iterable[tuple[bytes, bytes]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?)", rows)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
