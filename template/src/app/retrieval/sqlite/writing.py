"""What is written to an index file: every function here runs in the transaction it is given."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from app.ingestion.documents import Chunk, Document
    from app.ingestion.ports import Failure
    from app.llm.ports import Vectors

__all__ = ["adopt", "fail", "forget", "remove", "replace", "transaction"]


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[int]:
    """Write all or nothing, and yield the version that the index has afterwards.

    Begins as a writer, so that a wait for another process comes before the first read.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute(
            "UPDATE state SET version = version + 1 RETURNING version"
        ).fetchone()
        yield version
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some errors, such as a full disk.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def replace(
    connection: sqlite3.Connection,
    version: int,
    document: Document,
    chunks: Sequence[Chunk],
    vectors: Vectors,
) -> None:
    """Write a document in place of its older version and its failure."""
    (row,) = connection.execute(
        """INSERT INTO documents (path, title, content_hash, source, chunks, indexed_at)
        VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (path) DO UPDATE SET title = excluded.title,
            content_hash = excluded.content_hash, source = excluded.source,
            chunks = excluded.chunks, indexed_at = excluded.indexed_at
        RETURNING id""",
        (
            document.id,
            document.title,
            document.content_hash,
            document.source,
            len(chunks),
            _now(),
        ),
    ).fetchone()
    _drop_content(connection, row)
    connection.executemany(
        "INSERT INTO metadata VALUES (?, ?, ?)",
        [(row, key, value) for key, value in document.metadata.items()],
    )
    (first,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM chunks").fetchone()
    connection.executemany(
        "INSERT INTO chunks VALUES (?, ?, ?, ?)",
        [
            (id_, row, chunk.position, json.dumps(chunk.headings, ensure_ascii=False))
            for id_, chunk in enumerate(chunks, start=first)
        ],
    )
    connection.executemany(
        "INSERT INTO fts (rowid, title, headings, text) VALUES (?, ?, ?, ?)",
        [
            (id_, document.title, "\n".join(chunk.headings), chunk.text)
            for id_, chunk in enumerate(chunks, start=first)
        ],
    )
    connection.execute(
        "INSERT INTO vectors VALUES (?, ?, ?)",
        (row, first, np.ascontiguousarray(vectors, dtype="<f4").tobytes()),
    )
    forget(connection, document.id)
    _note_change(connection, version, row)


def adopt(connection: sqlite3.Connection, path: str, source: str) -> None:
    """Record where an indexed document comes from, and forget its failure."""
    found = connection.execute("UPDATE documents SET source = ? WHERE path = ?", (source, path))
    if found.rowcount:
        forget(connection, path)


def remove(connection: sqlite3.Connection, version: int, path: str) -> bool:
    """Remove a document and its failure; say whether there was either."""
    failed = forget(connection, path)
    found = connection.execute("SELECT id FROM documents WHERE path = ?", (path,)).fetchone()
    if found is not None:
        _drop_content(connection, found[0])
        connection.execute("DELETE FROM documents WHERE id = ?", found)
        _note_change(connection, version, found[0])
    return failed or found is not None


def fail(connection: sqlite3.Connection, failure: Failure) -> None:
    """Record that a document failed, and count the attempt."""
    connection.execute(
        """INSERT INTO failures
            (path, reason, attempts, failed_at, source, kind, first_failed_at, content_hash)
        VALUES (:path, :reason, 1, :now, :source, :kind, :now, :content_hash)
        ON CONFLICT (path) DO UPDATE SET reason = excluded.reason, attempts = attempts + 1,
            failed_at = excluded.failed_at, source = excluded.source, kind = excluded.kind,
            content_hash = excluded.content_hash""",
        {
            "path": failure.document,
            "reason": failure.reason,
            "source": failure.source,
            "kind": failure.kind,
            "content_hash": failure.content_hash,
            "now": _now(),
        },
    )


def forget(connection: sqlite3.Connection, path: str) -> bool:
    """Forget a document's failure; say whether there was one."""
    return bool(connection.execute("DELETE FROM failures WHERE path = ?", (path,)).rowcount)


def _drop_content(connection: sqlite3.Connection, document: int) -> None:
    connection.execute(
        "DELETE FROM fts WHERE rowid IN (SELECT id FROM chunks WHERE document = ?)", (document,)
    )
    for table in ("chunks", "vectors", "metadata"):
        connection.execute(f"DELETE FROM {table} WHERE document = ?", (document,))  # noqa: S608 - a table of ours


def _note_change(connection: sqlite3.Connection, version: int, document: int) -> None:
    connection.execute(
        """INSERT INTO changes VALUES (?, ?)
        ON CONFLICT (document) DO UPDATE SET version = excluded.version""",
        (document, version),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
