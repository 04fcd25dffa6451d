"""Which terms of a query are worth their cost.

A full-text search takes time in proportion to the chunks that hold any of its terms, and those
terms which are in most chunks say least about which is the best.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.retrieval.query import match_expression
from app.retrieval.sqlite import reading

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

__all__ = ["Frequencies"]

_FREE_MATCHES = 10_000
"""Matches that cost no more than the rest of a search (10 ms or so): nothing is saved below."""

_SHARE = 0.3
"""Matches in one search as a share of the chunks; with less, rankings became worse in tests.

It is not free: forced on the samples, which are too few for it, it costs 0.04 of nDCG@10.
"""

_MOST_REMEMBERED = 10_000
_SAME_SIZE = (0.8, 1.25)


class Frequencies:
    """In how many chunks a term occurs, as far as that was asked; may lag behind the index."""

    def __init__(self) -> None:
        self._state = (-1, -1)
        self._chunks = 0
        self._counts: dict[str, int] = {}

    def affordable(self, connection: sqlite3.Connection, terms: Sequence[str]) -> list[str]:
        """Return the terms to search for: the rarest ones that fit the budget together.

        The rarest of all is always among them, and so is every term that does not occur.
        """
        self._follow(connection)
        budget = max(_FREE_MATCHES, int(_SHARE * self._chunks))
        if len(terms) * self._chunks <= budget:
            return list(terms)
        chosen: list[str] = []
        spent = 0
        for count, term in sorted((self._count(connection, term, budget), term) for term in terms):
            spent += count
            if chosen and spent > budget:
                break
            chosen.append(term)
        return chosen

    def _count(self, connection: sqlite3.Connection, term: str, most: int) -> int:
        """Return the number of chunks with the term, but no more than just above `most`."""
        known = self._counts.get(term)
        if known is None:
            known = reading.count_matches(connection, match_expression([term]), most + 1)
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
