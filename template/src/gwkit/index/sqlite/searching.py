"""Searching an index file: by words in SQLite, by vectors in memory, both in one snapshot."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import structlog

from gwkit.documents import Place
from gwkit.executor import checkpoint
from gwkit.index.sqlite.records import CHANGED
from gwkit.index.sqlite.vectors import Ids, Matrix
from gwkit.index.store import MOST_REPLACED, Hit, SearchMode
from gwkit.text.characters import normalize

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from gwkit.index.store import Filters, SearchQuery

__all__ = ["Searcher", "match_expression"]

_log = structlog.stdlib.get_logger(__name__)

_State = tuple[int, int]
_Scored = tuple[int, float]
"""The id of a chunk, and a leg's score."""

_NONE: _State = (-1, -1)
"""The state of no index."""

_MOST_COUNTS = 10_000
"""Terms whose frequency is remembered."""

# Title, headings and text weigh the same. Not FTS5's own `ORDER BY rank`, which sorts all matches
# and takes a third longer: here SQLite keeps only the best, and scores only what the filters let
# through. The plus keeps it from running the full-text search once for every chunk allowed.
_LEXICAL = """
    SELECT rowid, bm25(fts) AS badness FROM fts WHERE fts MATCH :expression
    AND (:documents IS NULL OR +rowid IN (
        SELECT id FROM chunks WHERE document IN (SELECT value FROM json_each(:documents))
    ))
    ORDER BY badness, rowid LIMIT :count
"""
_CHUNKS = "SELECT coalesce(sum(chunks), 0) FROM documents"
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM fts WHERE fts MATCH ? LIMIT ?)"
_OF_CHANGED = f" FROM vectors WHERE document IN ({CHANGED})"
_SIZE_OF_CHANGED = "SELECT coalesce(sum(length(vectors)), 0)" + _OF_CHANGED
_VECTORS_OF_CHANGED = "SELECT document, first, vectors" + _OF_CHANGED

# The range holds what starts with the prefix: no character of it is a wildcard, the index on `path`
# serves it, and U+10FFFF is the last code point and in no text.
_PREFIXED = "SELECT id FROM documents WHERE path >= :prefix AND path < :prefix || char(1114111)"
_LABELLED = "SELECT document FROM metadata WHERE key = ? AND value = ?"
_HITS = """
    SELECT chunks.id, documents.path, position, documents.title, headings, text, places, (
        SELECT json_group_object(key, value) FROM metadata WHERE metadata.document = documents.id
    )
    FROM json_each(?) AS wanted
    JOIN chunks ON chunks.id = wanted.value
    JOIN documents ON documents.id = chunks.document
"""

_OCCURS = "SELECT 1 FROM fts WHERE fts MATCH ? LIMIT 1"
_MOST_FREQUENT = """
    SELECT term FROM terms WHERE term IN (SELECT value FROM json_each(?)) ORDER BY doc DESC, term
"""


class Searcher:
    """Searches snapshots of one index; keeps its vectors in memory, in step with them.

    Args:
        dimension: length of the index's vectors, 0 if it has none.
        state: returns epoch and version of a snapshot; raises where the snapshot is of an index
            that was made with something else.
    """

    def __init__(self, dimension: int, state: Callable[[sqlite3.Connection], _State]) -> None:
        self._dimension = dimension
        self._state = state
        self._lock = threading.Lock()
        self._matrix = self._empty = Matrix.of_size(0, dimension)
        self._loaded = _NONE
        self._counts: tuple[_State, int, dict[str, int]] = (_NONE, 0, {})

    def search(self, connection: sqlite3.Connection, query: SearchQuery) -> list[Hit]:
        """Return at most `query.k` hits, best first.

        Args:
            connection: in a transaction whose snapshot must not have begun before this call.
            query: what to search for.

        Raises:
            RetrievalError: stored vectors are damaged, or the index was made with something else.
        """
        candidates = query.ranking.candidates(query.k)
        has_vectors = query.mode is not SearchMode.LEXICAL and self._dimension
        matrix = self._followed(connection) if has_vectors else None
        documents = _allowed(connection, query.filters)
        rankings, weights = [], []
        if query.mode is not SearchMode.VECTOR:
            expression = match_expression(self._terms(connection, query))
            rankings.append(_lexical(connection, expression, candidates, documents))
            weights.append(1.0)
        if matrix is not None:
            rankings.append(matrix.nearest(query.vector, candidates, documents))
            weights.append(query.vector_weight)
        best = query.ranking.fuse(rankings, weights)[: max(0, query.k)]
        return _hits(connection, best)

    def _followed(self, connection: sqlite3.Connection) -> Matrix:
        """Return the vectors of the snapshot.

        It begins under the lock, so it is never older than what the last one left here.
        """
        with self._lock:
            state = self._state(connection)
            if state != self._loaded:
                self._matrix, self._loaded = self._read(connection, state), state
            return self._matrix

    def _read(self, connection: sqlite3.Connection, state: _State) -> Matrix:
        """Return the vectors as they are now; only what has changed is read, if that is known."""
        started = time.perf_counter()
        is_known = state[0] == self._loaded[0]
        older, since = (self._matrix, self._loaded[1]) if is_known else (self._empty, -1)
        changed = _ids(connection, CHANGED, [since])
        if is_known and not len(changed):
            return older
        (size,) = connection.execute(_SIZE_OF_CHANGED, [since]).fetchone()
        rows = connection.execute(_VECTORS_OF_CHANGED, [since])
        matrix = older.updated(changed, rows, size // (4 * older.vectors.shape[1]))
        if not is_known:
            _log.info(
                "vectors_loaded",
                chunks=len(matrix.chunks),
                version=state[1],
                latency_ms=round(1000 * (time.perf_counter() - started), 1),
            )
        return matrix

    def _terms(self, connection: sqlite3.Connection, query: SearchQuery) -> Sequence[str]:
        """Return the terms to search for; how frequent they are is counted once for a state."""
        state = self._state(connection)
        if self._counts[0] != state or len(self._counts[2]) > _MOST_COUNTS:
            (chunks,) = connection.execute(_CHUNKS).fetchone()
            self._counts = (state, chunks, {})
        _, chunks, counts = self._counts

        def count(term: str, most: int) -> int:
            if term not in counts:
                checkpoint()
                values = (match_expression([term]), most + 1)
                (counts[term],) = connection.execute(_COUNT, values).fetchone()
            return counts[term]

        return query.ranking.affordable(_spelt(connection, query), chunks, count)


def _spelt(connection: sqlite3.Connection, query: SearchQuery) -> Sequence[str]:
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
    for term in absent[:MOST_REPLACED]:
        checkpoint()
        spellings = json.dumps(query.ranking.spellings(term))
        found = connection.execute(_MOST_FREQUENT, (spellings,)).fetchone()
        replaced[term] = found[0] if found else term
    return [replaced.get(term, term) for term in terms]


def match_expression(terms: Iterable[str]) -> str:
    """Return the FTS5 expression that any of these terms matches.

    Quoted, an operator of FTS5 (`NOT`, `NEAR`) is a word.
    """
    return " OR ".join(f'"{term}"' for term in terms)


def _lexical(
    connection: sqlite3.Connection, expression: str, count: int, documents: Ids | None
) -> list[_Scored]:
    """Return the best chunks with their scores by BM25, best first; ties by chunk id."""
    if not expression:
        return []
    narrowed = None if documents is None else json.dumps(documents.tolist())
    values = {"expression": expression, "count": count, "documents": narrowed}
    return [(id_, -badness) for id_, badness in connection.execute(_LEXICAL, values)]


def _allowed(connection: sqlite3.Connection, filters: Filters) -> Ids | None:
    """Return the ids of the documents that the filters let through; `None` is all."""
    if not filters.prefix and not filters.metadata:
        return None
    found = _ids(connection, _PREFIXED, {"prefix": normalize("NFC", filters.prefix)})
    for label in filters.metadata.items():
        found = np.intersect1d(found, _ids(connection, _LABELLED, label), assume_unique=True)
    return found


def _ids(
    connection: sqlite3.Connection, statement: str, values: Sequence[object] | dict[str, str]
) -> Ids:
    return np.fromiter((row[0] for row in connection.execute(statement, values)), dtype=np.int64)


def _hits(connection: sqlite3.Connection, scored: Sequence[_Scored]) -> list[Hit]:
    """Return the chunks with these ids and scores, in the same order."""
    rows = connection.execute(_HITS, [json.dumps([id_ for id_, _ in scored])])
    found = {row[0]: row[1:] for row in rows}
    hits = []
    for id_, score in scored:
        path, position, title, headings, text, places, metadata = found[id_]
        place = (f"{path}#{position}", path, position, title, tuple(json.loads(headings)))
        stands = tuple(Place(*values) for values in json.loads(places))
        hits.append(Hit(*place, text, score, json.loads(metadata), stands))
    return hits
