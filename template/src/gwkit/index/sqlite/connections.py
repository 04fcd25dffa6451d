"""Threads and connections of one index file: one that writes, some that read.

No call into SQLite happens on the event loop. A job runs in one thread with one connection, in a
copy of the caller's context, so its log lines carry the caller's request id.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from gwkit.errors import RetrievalError
from gwkit.executor import BoundedExecutor, is_abandoned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Result = TypeVar("Result")

__all__ = [
    "BUSY_SECONDS",
    "READERS",
    "Connections",
    "advice",
    "connect",
    "error_code",
    "explained",
    "is_refusal",
]

READERS = 4
"""Threads that read; more searches at once than that wait for one another."""

BUSY_SECONDS = 60.0
"""How long a write waits for another process's; its transactions take milliseconds each."""

_LOG_PAGES = 4_000
"""Pages in the log before they are brought into the file: 16 MB, four times SQLite's default, as
most of them are written several times in the course of an ingestion."""

_STEPS_UNASKED = 50_000
"""Steps of SQLite's virtual machine after which a read looks whether its caller is still there."""

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_REFUSED = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY)
_ADVICE = (
    (_DAMAGED, "is damaged or no index; move it away and ingest the documents again"),
    (_REFUSED, "cannot be opened and written; check the path and its permissions"),
    (
        (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED),
        f"was locked by another process for {BUSY_SECONDS:.0f} seconds",
    ),
    (
        (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR),
        "could not be written; look whether the disk is full or failing",
    ),
)


class Connections:
    """Runs jobs on an index file.

    Args:
        path: the file; its folder is made.
        frozen: the file is in a folder that cannot be written, so it can be read and cannot change.
    """

    def __init__(self, path: Path, *, frozen: bool = False) -> None:
        self.path = path
        self._frozen = frozen
        # By whether they read only.
        self._executors = {
            True: BoundedExecutor(READERS, name="index-reader"),
            False: BoundedExecutor(1, name="index-writer"),
        }
        self._idle: dict[bool, list[sqlite3.Connection]] = {True: [], False: []}
        self._file: os.stat_result | None = None
        self._damaged = False
        self._closed = False

    async def read(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run a job on a connection that cannot write, in one read transaction.

        When the caller is cancelled, so is the job.

        Raises:
            OverloadError: too many searches wait already.
            RetrievalError: the index is closed, or SQLite could not do it.
        """
        return await self._run(job, read_only=True)

    async def write(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run a job that begins and ends its own transactions.

        When the caller is cancelled, a job that has begun goes on to its end.

        Raises:
            OverloadError: too many jobs wait already.
            RetrievalError: the index is closed, or SQLite could not do it.
        """
        return await self._run(job, read_only=False)

    def check(self) -> None:
        """Look through the whole file, if a job has found it damaged: it may have been mended.

        A connection of its own looks, for the others may keep pages from before.

        Raises:
            RetrievalError: it is damaged still.
        """
        if self._damaged:
            with closing(connect(self.path, frozen=self._frozen)) as fresh:
                (found,) = fresh.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise RetrievalError(advice(self.path, sqlite3.SQLITE_CORRUPT, found))
            self._damaged = False

    async def close(self) -> None:
        """Let running jobs end, then close every connection; may be called again."""
        self._closed = True
        for executor in self._executors.values():
            await asyncio.to_thread(executor.close)
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    async def _run(self, job: Callable[[sqlite3.Connection], Result], *, read_only: bool) -> Result:
        if self._closed:
            raise RetrievalError("the index is closed")
        return await self._executors[read_only].run(self._do, job, read_only=read_only)

    def _do(self, job: Callable[[sqlite3.Connection], Result], *, read_only: bool) -> Result:
        with explained(self.path), self._lent(read_only=read_only) as connection:
            if read_only:
                connection.execute("BEGIN")
            with connection:  # which ends what has begun
                return job(connection)

    @contextmanager
    def _lent(self, *, read_only: bool) -> Iterator[sqlite3.Connection]:
        """Lend a connection to a job.

        While the file is damaged none is used again: it keeps what it has read.

        Raises:
            RetrievalError: the file is no longer the one that was opened first.
            sqlite3.Error: as it came.
        """
        self._check_file()
        idle = self._idle[read_only]
        connection = idle.pop() if idle else self._opened(read_only=read_only)
        try:
            yield connection
        except sqlite3.Error as exc:
            self._damaged |= error_code(exc) in _DAMAGED
            raise
        finally:
            if self._damaged:
                connection.close()
            else:
                idle.append(connection)

    def _opened(self, *, read_only: bool) -> sqlite3.Connection:
        connection = connect(self.path, frozen=self._frozen)
        self._file = self._file or self.path.stat()
        connection.execute(f"PRAGMA query_only = {int(read_only)}")
        if read_only:
            connection.set_progress_handler(is_abandoned, _STEPS_UNASKED)
        return connection

    def _check_file(self) -> None:
        """Refuse to go on with a file that was removed or replaced: what is in it has no name.

        The system keeps such a file as long as it is open, so SQLite would go on writing to it.

        Raises:
            RetrievalError: another file, or none, is in its place.
        """
        with suppress(FileNotFoundError):
            if self._file is None or os.path.samestat(self._file, self.path.stat()):
                return
        raise RetrievalError(
            f"the index {self.path} was removed or replaced while it was open; start again"
        )


def connect(path: Path, *, frozen: bool = False) -> sqlite3.Connection:
    """Return a connection in autocommit mode, which any thread may use, one at a time.

    A new file and those that SQLite puts beside it are readable by their owner only.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # it is there, or SQLite says what is wrong
        path.touch(0o600, exist_ok=False)
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'ro&immutable=1' if frozen else 'rwc'}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        # A power cut may take back the last commits, never damage the file; text, vectors and
        # ledger entry go together, so the next ingestion does such a document again.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    except BaseException:  # a file may turn out to be damaged here, and no caller has it to close
        connection.close()
        raise
    return connection


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise what goes wrong underneath as an error that says what to do.

    Raises:
        RetrievalError: in place of the error underneath.
    """
    try:
        yield
    except sqlite3.Error as exc:
        raise RetrievalError(advice(path, error_code(exc), str(exc))) from exc
    except OSError as exc:
        raise RetrievalError(f"the index {path} cannot be made ({exc})") from exc
    except UnicodeEncodeError as exc:
        raise RetrievalError("a text for the index is no valid Unicode") from exc


def advice(path: Path, code: int, detail: str) -> str:
    """Return what has failed, and what to do, by a primary result code of SQLite."""
    known = (text for codes, text in _ADVICE if code in codes)
    return f"the index {path} {next(known, 'could not do it')} ({detail})"


def is_refusal(error: BaseException) -> bool:
    """Return whether an error of `explained` says that writing is not allowed."""
    return isinstance(error.__cause__, sqlite3.Error) and error_code(error.__cause__) in _REFUSED


def error_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
