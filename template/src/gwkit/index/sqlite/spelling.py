"""The terms of a query in a spelling that the index has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gwkit.executor import checkpoint

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from gwkit.index.store import SearchQuery

__all__ = ["spelt"]

_MOST_REPLACED = 4
"""Terms of a query, at most, that are replaced where no chunk has them."""

_OCCURS = "SELECT 1 FROM fts WHERE fts MATCH ? LIMIT 1"
_MOST_FREQUENT = """
    SELECT term FROM terms WHERE term IN (SELECT value FROM json_each(?)) ORDER BY doc DESC, term
"""


def spelt(connection: sqlite3.Connection, query: SearchQuery) -> Sequence[str]:
    """Return the query's terms; one that no chunk has is replaced by its most frequent spelling.

    To replace one takes the time of looking up some hundred terms, however large the index is.
    """
    terms = query.ranking.terms(query.text)
    absent = [
        term
        for term in dict.fromkeys(terms)
        if connection.execute(_OCCURS, (f'"{term}"',)).fetchone() is None
    ]
    replaced: dict[str, str] = {}
    for term in absent[:_MOST_REPLACED]:
        checkpoint()
        spellings = json.dumps(query.ranking.spellings(term))
        found = connection.execute(_MOST_FREQUENT, (spellings,)).fetchone()
        replaced[term] = found[0] if found else term
    return [replaced.get(term, term) for term in terms]
