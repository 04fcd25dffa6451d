"""Threads and connections of one index file: one that writes, some that read.

No call into SQLite happens on the event loop. A job runs in one thread with one connection, in a
copy of the caller's context, so its log lines carry the caller's request id.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

from app.exceptions import RetrievalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Result = TypeVar("Result")

__all__ = ["BUSY_SECONDS", "READERS", "Connections"]

READERS = 4
"""Threads that read; more searches at once than that wait for one another."""

BUSY_SECONDS = 60.0
"""How long a write waits for another process's; its transactions take milliseconds each."""

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_REFUSED = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Connections:
    """Runs jobs on an index file.

    Args:
        path: the file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="index-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="index-reader")
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._closed = False

    async def read(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run a job on a connection that cannot write, in one read transaction.

        Raises:
            RetrievalError: the index is closed, or SQLite could not do it.
        """
        return await self._run(self._readers, self._read, job)

    async def write(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run a job that begins and ends its own transactions.

        Raises:
            RetrievalError: the index is closed, or SQLite could not do it.
        """
        return await self._run(self._writer, self._write, job)

    async def close(self) -> None:
        """Let running jobs end, then close every connection; may be called again."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._shut_down)

    async def _run(
        self,
        threads: ThreadPoolExecutor,
        run: Callable[[Callable[[sqlite3.Connection], Result]], Result],
        job: Callable[[sqlite3.Connection], Result],
    ) -> Result:
        if self._closed:
            raise RetrievalError("the index is closed")
        context = copy_context()
        return await asyncio.get_running_loop().run_in_executor(threads, context.run, run, job)

    def _read(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
        with self._explained():
            connection = self._connection(read_only=True)
            connection.execute("BEGIN")
            try:
                return job(connection)
            finally:
                # SQLite ends the transaction by itself after some errors.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _write(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
        with self._explained():
            return job(self._connection(read_only=False))

    def _connection(self, *, read_only: bool) -> sqlite3.Connection:
        """Return this thread's own connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            if not read_only:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self._path,
                timeout=BUSY_SECONDS,
                isolation_level=None,
                # Closed by the thread that shuts the others down.
                check_same_thread=False,
            )
            self._opened.append(connection)
            # A power cut may take back the last commits, never damage the file; text, vectors
            # and ledger entry go together, so the next ingestion does such a document again.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA query_only = {int(read_only)}")
            self._local.connection = connection
        return connection

    def _shut_down(self) -> None:
        self._readers.shutdown()
        self._writer.shutdown()
        for connection in self._opened:
            connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise what goes wrong underneath as an error that says what to do.

        Raises:
            RetrievalError: in place of the error underneath.
        """
        try:
            yield
        except sqlite3.Error as exc:
            code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
            if code in _DAMAGED:
                advice = "is damaged or no index; move it away and ingest the documents again"
            elif code in _REFUSED:
                advice = "cannot be opened and written; check the path and its permissions"
            elif code in _BUSY:
                advice = f"was locked by another process for {BUSY_SECONDS:.0f} seconds"
            else:
                advice = "could not do it"
            raise RetrievalError(f"the index {self._path} {advice} ({exc})") from exc
        except OSError as exc:
            raise RetrievalError(f"the index {self._path} cannot be made ({exc})") from exc
        except UnicodeEncodeError as exc:
            raise RetrievalError("a text for the index is no valid Unicode") from exc
