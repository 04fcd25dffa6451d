"""Rate limits that several processes keep together, by counting in one store."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Final, Protocol, Self

import structlog

from gwkit.errors import AppError
from gwkit.http.limits import MINUTE, RateLimiter, admitted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["RequestCounts", "SharedLimits", "SqliteCounts"]

_log = structlog.stdlib.get_logger(__name__)

_PAUSE_SECONDS: Final = 5.0
# The event loop waits for as long; a count takes some microseconds.
_BUSY_SECONDS: Final = 0.25
# Between deletions of clients that have their whole allowance back.
_CLEANING_SECONDS: Final = 60.0


class RequestCounts(Protocol):
    """Counts the requests of clients for all processes that use the same store.

    It admits what `gwkit.http.limits.admitted` says.
    """

    async def count(self, client: str, per_minute: int) -> float:
        """Count a request and return 0, or return the seconds to wait and do not count it.

        Raises:
            AppError: the store cannot be used.
        """


class SharedLimits:
    """Asks the store; while that cannot be used, this process counts for itself.

    So the limit of a client never ends: at worst each process admits it once. The store is tried
    again after 5 s.

    Args:
        counts: the store.
        per_minute: requests that one client may make a minute.
        clock: seconds that never go back.
    """

    def __init__(
        self, counts: RequestCounts, per_minute: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._counts = counts
        self._per_minute = per_minute
        self._clock = clock
        self._own = RateLimiter(per_minute, clock=clock)
        self._next_attempt: float | None = None

    async def wait(self, client: str) -> float:
        """Count a request and return 0, or return the seconds to wait and do not count it."""
        if self._next_attempt is None or self._clock() >= self._next_attempt:
            try:
                wait = await self._counts.count(client, self._per_minute)
            except AppError as exc:
                _log.error("shared_limits_lost", reason=str(exc), retry_seconds=_PAUSE_SECONDS)
                self._next_attempt = self._clock() + _PAUSE_SECONDS
            else:
                if self._next_attempt is not None:
                    _log.info("shared_limits_found")
                    self._next_attempt = None
                return wait
        return self._own.wait(client)


class SqliteCounts:
    """Counts in a SQLite file, for the processes of one machine. A context manager.

    Nothing is synced to the disk: what a crash of the machine loses is a minute old at most.

    Args:
        path: the file; it and its folder are made.
        clock: seconds that never go back, the same in all processes.

    Raises:
        AppError: the file cannot be opened.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._next_cleaning = 0.0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS clients"
                " (client TEXT PRIMARY KEY, whole_again REAL NOT NULL) STRICT, WITHOUT ROWID"
            )
        except (sqlite3.Error, OSError) as exc:
            raise self._error(exc) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    async def count(self, client: str, per_minute: int) -> float:
        """Count a request and return 0, or return the seconds to wait and do not count it.

        Raises:
            AppError: the file cannot be used.
        """
        now = self._clock()
        try:
            with self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                if now >= self._next_cleaning:
                    self._next_cleaning = now + _CLEANING_SECONDS
                    connection.execute("DELETE FROM clients WHERE whole_again <= ?", (now,))
                found = connection.execute(
                    "SELECT whole_again FROM clients WHERE client = ?", (client,)
                ).fetchone()
                # A time from before the machine was restarted says nothing: a minute at most.
                before = min(*found, now + MINUTE) if found else now
                whole_again, wait = admitted(before, now, MINUTE / per_minute)
                if not wait:
                    connection.execute("REPLACE INTO clients VALUES (?, ?)", (client, whole_again))
                return wait
        except sqlite3.Error as exc:
            raise self._error(exc) from exc

    def _error(self, reason: Exception) -> AppError:
        return AppError(f"{self._path} (APP_LIMITS_PATH) cannot be used: {reason}")
