"""The records of documents and failures: read and written in the transaction that is given."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, astuple
from dataclasses import replace as replace_fields
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from gwkit.documents import Chunk, Document, Place
from gwkit.index.store import Failure, FailureKind, LedgerEntry, StoredDocument
from gwkit.text.characters import normalize
from gwkit.text.terms import TermRules

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from gwkit.models.protocols import Vectors

__all__ = [
    "CHANGED",
    "adopt",
    "chunks",
    "entries",
    "entry",
    "export",
    "fail",
    "failures",
    "forget",
    "read_document",
    "remove",
    "replace",
    "transaction",
]

CHANGED = "SELECT document FROM changes WHERE version > ?"
"""The ids of the documents that were written or removed after a version."""

_ENTRIES = """
    SELECT path, content_hash, chunks, indexed_at, source, coalesce(value, '') FROM documents
    LEFT JOIN metadata ON metadata.document = documents.id AND key = 'incomplete'
"""

_ROWS_OF_A_STATEMENT = 50
"""Few enough for the parameters that every build of SQLite takes: 999 together."""


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all or nothing, as the next version of the index.

    Begins as a writer, so that a wait for another process comes before the first read.
    """
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE state SET version = version + 1")
        yield


def entries(connection: sqlite3.Connection, prefix: str = "") -> list[LedgerEntry]:
    """Return the documents whose id starts so, sorted by id."""
    # The range holds what starts with the prefix: no character of it is a wildcard, and U+10FFFF
    # is the last code point and in no text.
    rows = connection.execute(
        f"{_ENTRIES} WHERE path >= :prefix AND path < :prefix || char(1114111) ORDER BY path",
        {"prefix": normalize("NFC", prefix)},
    )
    return [LedgerEntry(*row) for row in rows]


def entry(connection: sqlite3.Connection, path: str) -> LedgerEntry | None:
    """Return one document's entry."""
    row = connection.execute(f"{_ENTRIES} WHERE path = ?", (path,)).fetchone()
    return None if row is None else LedgerEntry(*row)


def failures(connection: sqlite3.Connection) -> list[Failure]:
    """Return the documents that failed, sorted by id."""
    rows = connection.execute(
        """SELECT path, reason, attempts, failed_at, source, kind, first_failed_at, content_hash
        FROM failures ORDER BY path"""
    )
    return [
        Failure(path, reason, attempts, failed_at, source, FailureKind(kind), *rest)
        for path, reason, attempts, failed_at, source, kind, *rest in rows
    ]


def read_document(
    connection: sqlite3.Connection, path: str, *, first: int, count: int
) -> StoredDocument | None:
    """Return a document with `count` of its chunks from position `first` on."""
    found = entry(connection, path)
    if found is None:
        return None
    id_, title = connection.execute(
        "SELECT id, title FROM documents WHERE path = ?", (path,)
    ).fetchone()
    metadata = connection.execute("SELECT key, value FROM metadata WHERE document = ?", (id_,))
    some = chunks(connection, id_, first=first, count=count)
    return StoredDocument(found, title, dict(metadata.fetchall()), tuple(some))


def export(
    connection: sqlite3.Connection, path: str
) -> tuple[Document, list[Chunk], Vectors] | None:
    """Return a document with all of its chunks and vectors."""
    found = connection.execute(
        """SELECT id, title, content_hash, source, vectors
        FROM documents JOIN vectors ON document = id WHERE path = ?""",
        (path,),
    ).fetchone()
    if found is None:
        return None
    id_, title, content_hash, source, blob = found
    metadata = connection.execute("SELECT key, value FROM metadata WHERE document = ?", (id_,))
    document = Document(path, title, content_hash, (), dict(metadata.fetchall()), source)
    some = chunks(connection, id_)
    (dimension,) = connection.execute("SELECT dimension FROM manifest").fetchone()
    return document, some, np.frombuffer(blob, dtype="<f4").reshape(len(some), dimension)


def chunks(
    connection: sqlite3.Connection, document: int, *, first: int = 0, count: int = -1
) -> list[Chunk]:
    """Return chunks of the document with this row id by position; a negative count is all."""
    rows = connection.execute(
        """SELECT position, text, headings, places FROM chunks
        WHERE document = ? AND position >= ? ORDER BY position LIMIT ?""",
        (document, first, count),
    )
    return [
        Chunk(
            position,
            text,
            tuple(json.loads(headings)),
            tokens=0,
            places=tuple(Place(*values) for values in json.loads(places)),
        )
        for position, text, headings, places in rows
    ]


def replace(
    connection: sqlite3.Connection, document: Document, chunks: Sequence[Chunk], vectors: Vectors
) -> None:
    """Write a document in place of its older version and its failure."""
    _drop_content(connection, document.id)
    (row,) = connection.execute(
        """INSERT INTO documents (path, title, content_hash, source, chunks, indexed_at)
        VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (path) DO UPDATE SET title = excluded.title,
            content_hash = excluded.content_hash, source = excluded.source,
            chunks = excluded.chunks, indexed_at = excluded.indexed_at
        RETURNING id""",
        [document.id, document.title, document.content_hash, document.source, len(chunks), _now()],
    ).fetchone()
    _insert(connection, "metadata", [(row, key, value) for key, value in document.metadata.items()])
    (first,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM chunks").fetchone()
    rules, placed, terms = _rules(connection), [], []
    for id_, chunk in enumerate(chunks, start=first):
        headings = json.dumps(chunk.headings, ensure_ascii=False)
        places = json.dumps(list(map(astuple, chunk.places)), ensure_ascii=False)
        placed.append((id_, row, chunk.position, headings, chunk.text, places))
        terms.append((id_, *_terms(rules, document.title, chunk.headings, chunk.text)))
    _insert(connection, "chunks", placed)
    _insert(connection, "fts (rowid, title, headings, text)", terms)
    connection.execute(
        "INSERT INTO vectors VALUES (?, ?, ?)",
        (row, first, np.ascontiguousarray(vectors, dtype="<f4").tobytes()),
    )
    forget(connection, document.id)
    _note_change(connection, row)


def adopt(connection: sqlite3.Connection, path: str, source: str) -> None:
    """Record where an indexed document comes from, and forget its failure."""
    found = connection.execute("UPDATE documents SET source = ? WHERE path = ?", (source, path))
    if found.rowcount:
        forget(connection, path)


def remove(connection: sqlite3.Connection, path: str) -> bool:
    """Remove a document and its failure; say whether there was either."""
    failed = forget(connection, path)
    found = connection.execute("SELECT id FROM documents WHERE path = ?", (path,)).fetchone()
    if found is not None:
        _drop_content(connection, path)
        connection.execute("DELETE FROM documents WHERE id = ?", found)
        _note_change(connection, *found)
    return failed or found is not None


def fail(connection: sqlite3.Connection, failure: Failure) -> None:
    """Record that a document failed, and count the attempt; one with times stays as it is."""
    recorded = failure
    if not failure.failed_at:
        now = _now()
        recorded = replace_fields(failure, attempts=1, failed_at=now, first_failed_at=now)
    connection.execute(
        """INSERT INTO failures
            (path, reason, attempts, failed_at, source, kind, first_failed_at, content_hash)
        VALUES (:document, :reason, :attempts, :failed_at, :source, :kind, :first_failed_at,
            :content_hash)
        ON CONFLICT (path) DO UPDATE SET reason = excluded.reason,
            attempts = iif(:is_copy, excluded.attempts, attempts + 1),
            failed_at = excluded.failed_at, source = excluded.source, kind = excluded.kind,
            first_failed_at = iif(:is_copy, excluded.first_failed_at, first_failed_at),
            content_hash = excluded.content_hash""",
        {**asdict(recorded), "is_copy": bool(failure.failed_at)},
    )


def forget(connection: sqlite3.Connection, path: str) -> bool:
    """Forget a document's failure; say whether there was one."""
    return bool(connection.execute("DELETE FROM failures WHERE path = ?", (path,)).rowcount)


def _rules(connection: sqlite3.Connection) -> TermRules:
    (name,) = connection.execute("SELECT terms FROM manifest").fetchone()
    return TermRules.named(name)


def _terms(
    rules: TermRules, title: str, headings: Sequence[str], text: str
) -> tuple[str, str, str]:
    """Return the terms of a chunk's title, headings and text, each with spaces between them."""
    title, path, body = (
        " ".join(rules.of_text(each)) for each in (title, "\n".join(headings), text)
    )
    return title, path, body


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[Sequence[object]]) -> None:
    """Insert rows, many with one statement.

    SQLite leaves the interpreter to other threads while a statement runs, and to get it back takes
    up to 5 ms where one of them computes.
    """
    for start in range(0, len(rows), _ROWS_OF_A_STATEMENT):
        some = rows[start : start + _ROWS_OF_A_STATEMENT]
        places = ", ".join(["?"] * len(some[0]))
        values = ", ".join([f"({places})"] * len(some))
        connection.execute(
            f"INSERT INTO {table} VALUES {values}",  # noqa: S608 - a table of ours
            list(chain.from_iterable(some)),
        )


def _drop_content(connection: sqlite3.Connection, path: str) -> None:
    """Remove what a document holds, if it is there."""
    found = connection.execute("SELECT id, title FROM documents WHERE path = ?", (path,)).fetchone()
    if found is None:
        return
    document, title = found
    rules = _rules(connection)
    rows = connection.execute(
        "SELECT id, headings, text FROM chunks WHERE document = ?", (document,)
    ).fetchall()
    connection.executemany(
        "INSERT INTO fts (fts, rowid, title, headings, text) VALUES ('delete', ?, ?, ?, ?)",
        ((id_, *_terms(rules, title, json.loads(headings), text)) for id_, headings, text in rows),
    )
    for table in ("chunks", "vectors", "metadata"):
        connection.execute(f"DELETE FROM {table} WHERE document = ?", (document,))  # noqa: S608 - a table of ours


def _note_change(connection: sqlite3.Connection, document: int) -> None:
    connection.execute("REPLACE INTO changes SELECT ?, version FROM state", (document,))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
