"""What is read from an index file: every function here reads the snapshot it is given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from gwkit.errors import RetrievalError
from gwkit.index.ledger import Failure, FailureKind, LedgerEntry
from gwkit.index.ports import Filters, Hit
from gwkit.index.vectors import Ids, Rows
from gwkit.text.normalization import normalize

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "allowed",
    "changed_documents",
    "chunk_count",
    "count_matches",
    "entries",
    "entry",
    "failures",
    "hits",
    "lexical",
    "match_expression",
    "state",
    "vector_rows",
]

# The range holds what starts with the prefix: no character of it is a wildcard, the index on `path`
# serves it, and U+10FFFF is the last code point and in no text.
_LEDGER = """
    SELECT path, content_hash, chunks, indexed_at, source, coalesce(value, '') FROM documents
    LEFT JOIN metadata ON metadata.document = documents.id AND key = 'incomplete'
"""
_ENTRIES = f"""{_LEDGER}
    WHERE path >= :prefix AND path < :prefix || char(1114111) ORDER BY path
"""
_PREFIXED_IDS = """
    SELECT id FROM documents WHERE path >= :prefix AND path < :prefix || char(1114111)
"""
_ENTRY = f"{_LEDGER} WHERE path = ?"
_VECTORS = "SELECT document, first, vectors FROM vectors"
_CHANGED_VECTORS = """
    SELECT document, first, vectors FROM vectors
    WHERE document IN (SELECT value FROM json_each(?))
"""

# The numbers are the weights of title, headings and text. Not FTS5's own `ORDER BY rank`, which
# sorts all that match and takes a third longer: here SQLite keeps only the best, and scores only
# what the filters let through.
_LEXICAL = """
    SELECT rowid, bm25(fts, 3.0, 2.0, 1.0) AS badness FROM fts WHERE fts MATCH :expression
    ORDER BY badness, rowid LIMIT :count
"""
# The plus keeps SQLite from running the full-text search once for every chunk allowed.
_LEXICAL_FILTERED = """
    SELECT rowid, bm25(fts, 3.0, 2.0, 1.0) AS badness FROM fts WHERE fts MATCH :expression
    AND +rowid IN (
        SELECT id FROM chunks WHERE document IN (SELECT value FROM json_each(:documents))
    )
    ORDER BY badness, rowid LIMIT :count
"""


def state(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the epoch and the version of the snapshot."""
    epoch, version = connection.execute("SELECT epoch, version FROM state").fetchone()
    return epoch, version


def chunk_count(connection: sqlite3.Connection) -> int:
    """Return the number of chunks of all documents."""
    (count,) = connection.execute("SELECT coalesce(sum(chunks), 0) FROM documents").fetchone()
    return int(count)


def entries(connection: sqlite3.Connection, prefix: str = "") -> list[LedgerEntry]:
    """Return the documents whose id starts so, sorted by id."""
    rows = connection.execute(_ENTRIES, {"prefix": normalize("NFC", prefix)})
    return [LedgerEntry(*row) for row in rows]


def entry(connection: sqlite3.Connection, path: str) -> LedgerEntry | None:
    """Return one document's entry."""
    row = connection.execute(_ENTRY, (path,)).fetchone()
    return None if row is None else LedgerEntry(*row)


def failures(connection: sqlite3.Connection) -> list[Failure]:
    """Return the documents that failed, sorted by id."""
    rows = connection.execute(
        """SELECT path, reason, attempts, failed_at, source, kind, first_failed_at, content_hash
        FROM failures ORDER BY path"""
    )
    return [
        Failure(path, reason, attempts, failed_at, source, FailureKind(kind), first, content_hash)
        for path, reason, attempts, failed_at, source, kind, first, content_hash in rows
    ]


def allowed(connection: sqlite3.Connection, filters: Filters) -> Ids | None:
    """Return the ids of the documents that the filters let through; `None` is all."""
    if not filters.prefix and not filters.metadata:
        return None
    found = _ids(connection, _PREFIXED_IDS, {"prefix": normalize("NFC", filters.prefix)})
    for key, value in filters.metadata.items():
        having = _ids(
            connection,
            "SELECT document FROM metadata WHERE key = :key AND value = :value",
            {"key": key, "value": value},
        )
        found = np.intersect1d(found, having, assume_unique=True)
    return found


def match_expression(terms: Iterable[str]) -> str:
    """Return the FTS5 expression that any of these terms matches.

    Quoted, an operator of FTS5 (`NOT`, `NEAR`) is a word, and a compound is a phrase.
    """
    return " OR ".join(f'"{term}"' for term in terms)


def count_matches(connection: sqlite3.Connection, expression: str, most: int) -> int:
    """Return in how many chunks an expression matches, counting no further than `most`."""
    (count,) = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM fts WHERE fts MATCH ? LIMIT ?)", (expression, most)
    ).fetchone()
    return int(count)


def lexical(
    connection: sqlite3.Connection, expression: str, count: int, documents: Ids | None
) -> list[int]:
    """Return the ids of the best chunks by BM25, best first; ties by chunk id.

    Args:
        connection: with the snapshot.
        expression: as `match_expression` makes it; an empty one finds nothing.
        count: most chunks to return.
        documents: ids of the documents that may be found; all by default.
    """
    if not expression:
        return []
    values: dict[str, str | int] = {"expression": expression, "count": count}
    statement = _LEXICAL
    if documents is not None:
        statement = _LEXICAL_FILTERED
        values["documents"] = json.dumps(documents.tolist())
    found = connection.execute(statement, values)
    return [row[0] for row in found]


def changed_documents(connection: sqlite3.Connection, since: int) -> list[int]:
    """Return the ids of the documents that were written or removed after a version."""
    rows = connection.execute("SELECT document FROM changes WHERE version > ?", (since,))
    return [row[0] for row in rows]


def vector_rows(
    connection: sqlite3.Connection, dimension: int, documents: Sequence[int] | None = None
) -> Iterator[Rows]:
    """Yield the vectors of one document after the other; of all documents by default.

    Raises:
        RetrievalError: stored vectors do not have the dimension.
    """
    if documents is None:
        rows = connection.execute(_VECTORS)
    else:
        rows = connection.execute(_CHANGED_VECTORS, (json.dumps(documents),))
    for document, first, blob in rows:
        flat = np.frombuffer(blob, dtype="<f4").astype(np.float32, copy=False)
        if len(flat) % dimension:
            raise RetrievalError("the index's vectors are damaged; rebuild it")
        count = len(flat) // dimension
        yield Rows(
            np.full(count, document, dtype=np.int64),
            np.arange(first, first + count, dtype=np.int64),
            flat.reshape(count, dimension),
        )


def hits(connection: sqlite3.Connection, scored: Sequence[tuple[int, float]]) -> list[Hit]:
    """Return the chunks with these ids and scores, in the same order."""
    rows = connection.execute(
        """SELECT chunks.id, documents.path, position, documents.title, chunks.headings, text, (
            SELECT json_group_object(key, value) FROM metadata
            WHERE metadata.document = documents.id
        )
        FROM json_each(?) AS wanted
        JOIN chunks ON chunks.id = wanted.value
        JOIN documents ON documents.id = chunks.document
        JOIN fts ON fts.rowid = chunks.id""",
        (json.dumps([id_ for id_, _ in scored]),),
    )
    found = {row[0]: row[1:] for row in rows}
    result = []
    for id_, score in scored:
        path, position, title, headings, text, metadata = found[id_]
        result.append(
            Hit(
                document=path,
                position=position,
                title=title,
                headings=tuple(json.loads(headings)),
                text=text,
                score=score,
                metadata=json.loads(metadata),
            )
        )
    return result


def _ids(connection: sqlite3.Connection, statement: str, values: dict[str, str]) -> Ids:
    return np.fromiter((row[0] for row in connection.execute(statement, values)), dtype=np.int64)
