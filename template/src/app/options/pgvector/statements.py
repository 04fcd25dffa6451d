"""The statements that read and write the records of documents, chunks and failures."""

from __future__ import annotations

from typing import Final

__all__ = [
    "CHUNKS",
    "COUNT",
    "DOCUMENT",
    "ENTRIES",
    "FAIL",
    "FAILURES",
    "FORGET",
    "PART",
]

ENTRIES: Final = """
    SELECT path, content_hash, chunks, indexed_at, source, coalesce(metadata ->> 'incomplete', ''),
        title, metadata
    FROM documents
"""
PART: Final = """
    SELECT position, text, headings, places, CASE WHEN %s THEN embedding END FROM chunks
    WHERE path = %s AND position >= %s ORDER BY position LIMIT %s
"""
FAILURES: Final = """
    SELECT path, reason, attempts, failed_at, source, kind, first_failed_at, content_hash
    FROM failures ORDER BY path
"""
FAIL: Final = """
    INSERT INTO failures VALUES (
        %(document)s, %(reason)s, %(attempts)s, %(failed_at)s, %(source)s, %(kind)s,
        %(first_failed_at)s, %(content_hash)s
    ) ON CONFLICT (path) DO UPDATE SET reason = excluded.reason,
        attempts = CASE WHEN %(is_copy)s THEN excluded.attempts ELSE failures.attempts + 1 END,
        failed_at = excluded.failed_at, source = excluded.source, kind = excluded.kind,
        first_failed_at = CASE WHEN %(is_copy)s THEN excluded.first_failed_at
            ELSE failures.first_failed_at END,
        content_hash = excluded.content_hash
"""
FORGET: Final = "DELETE FROM failures WHERE path = %s"
# Locks the document's row, so that other writers of the same one come after this transaction.
DOCUMENT: Final = """
    INSERT INTO documents VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (path) DO UPDATE SET title = excluded.title,
        content_hash = excluded.content_hash, source = excluded.source, chunks = excluded.chunks,
        indexed_at = excluded.indexed_at, metadata = excluded.metadata
"""
CHUNKS: Final = """
    INSERT INTO chunks (path, position, headings, places, text, embedding, words)
    SELECT %(path)s, position, headings, places, text, embedding::vector, words::tsvector
    FROM unnest(
        %(positions)s::integer[], %(headings)s::jsonb[], %(places)s::jsonb[], %(texts)s::text[],
        %(embeddings)s::text[], %(words)s::text[]
    ) AS given (position, headings, places, text, embedding, words)
"""
# Last in a transaction, as other writers wait from here to its end.
COUNT: Final = """
    WITH next AS (UPDATE state SET version = version + 1 RETURNING version)
    UPDATE documents SET version = next.version FROM next WHERE path = %s
"""
