"""The matrix of an index's vectors, kept in step with the snapshots that are read."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import structlog

from gwkit.index.sqlite import reading
from gwkit.index.vectors import Matrix

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

__all__ = ["VectorCache"]

_log = structlog.stdlib.get_logger(__name__)


class VectorCache:
    """The vectors of the newest snapshot that a search has read; loaded by the first one.

    Args:
        dimension: length of the index's vectors.
        check: raises where the snapshot is of an index that was made with something else.
    """

    def __init__(self, dimension: int, check: Callable[[sqlite3.Connection], None]) -> None:
        self._dimension = dimension
        self._check = check
        self._lock = threading.Lock()
        self._matrix = Matrix()
        # As no index has it: the first snapshot is loaded whole.
        self._state = (-1, -1)

    def matrix(self, connection: sqlite3.Connection) -> Matrix:
        """Return the vectors of the snapshot, which must not have begun before this call.

        The snapshot begins under the lock, so it is never older than what the last one left here.

        Raises:
            RetrievalError: stored vectors are damaged, or `check` refuses the index.
        """
        with self._lock:
            self._check(connection)
            state = reading.state(connection)
            if state != self._state:
                self._matrix = self._updated(connection, *state)
                self._state = state
            return self._matrix

    def _updated(self, connection: sqlite3.Connection, epoch: int, version: int) -> Matrix:
        known_epoch, known_version = self._state
        if epoch != known_epoch:
            started = time.perf_counter()
            matrix = Matrix().updated((), reading.vector_rows(connection, self._dimension))
            _log.info(
                "vectors_loaded",
                chunks=len(matrix),
                version=version,
                latency_ms=round(1000 * (time.perf_counter() - started), 1),
            )
            return matrix
        changed = reading.changed_documents(connection, known_version)
        if not changed:
            return self._matrix
        return self._matrix.updated(
            changed, reading.vector_rows(connection, self._dimension, changed)
        )
