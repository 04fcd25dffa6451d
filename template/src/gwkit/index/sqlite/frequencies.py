"""In how many chunks a term occurs: what a ranking weighs the cost of a term by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gwkit.executor import checkpoint
from gwkit.index.sqlite import reading

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Frequencies"]

_MOST_REMEMBERED = 10_000
_SAME_SIZE = (0.8, 1.25)


class Frequencies:
    """In how many chunks a term occurs, as far as that was asked; may lag behind the index."""

    def __init__(self) -> None:
        self._state = (-1, -1)
        self._chunks = 0
        self._counts: dict[str, int] = {}

    def chunks(self, connection: sqlite3.Connection) -> int:
        """Return about how many chunks there are; the counts follow the index with it."""
        self._follow(connection)
        return self._chunks

    def count(self, connection: sqlite3.Connection, term: str, most: int) -> int:
        """Return the number of chunks with the term, but no more than just above `most`."""
        known = self._counts.get(term)
        if known is None:
            checkpoint()
            expression = reading.match_expression([term])
            known = reading.count_matches(connection, expression, most + 1)
            if len(self._counts) >= _MOST_REMEMBERED:
                self._counts.clear()
            self._counts[term] = known
        return known

    def _follow(self, connection: sqlite3.Connection) -> None:
        state = reading.state(connection)
        if state == self._state:
            return
        chunks = reading.chunk_count(connection)
        # Counts are good enough for their purpose until the index has another size.
        least, most = (factor * self._chunks for factor in _SAME_SIZE)
        if state[0] != self._state[0] or not least <= chunks <= most:
            self._chunks = chunks
            self._counts.clear()
        self._state = state
