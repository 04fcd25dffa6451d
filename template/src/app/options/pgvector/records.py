"""The records of documents and failures, read in the transaction that is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.options.pgvector import statements
from app.options.pgvector.searching import decode_places
from gwkit.documents import Chunk, Document
from gwkit.index.store import Failure, FailureKind, LedgerEntry, StoredDocument

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from gwkit.models.protocols import Vectors

__all__ = ["export", "failures", "read_document"]

_ENTRY = f"{statements.ENTRIES} WHERE path = %s"


async def read_document(
    connection: AsyncConnection, path: str, *, first: int, count: int
) -> StoredDocument | None:
    """Return a document with `count` of its chunks from position `first` on."""
    row = await (await connection.execute(_ENTRY, [path])).fetchone()
    if row is None:
        return None
    *entry, title, metadata = row
    cursor = await connection.execute(statements.PART, [False, path, first, count])
    chunks = tuple(
        Chunk(position, text, tuple(headings), 0, decode_places(places))
        for position, text, headings, places, _ in await cursor.fetchall()
    )
    return StoredDocument(LedgerEntry(*entry), title, metadata, chunks)


async def export(
    connection: AsyncConnection, path: str, *, dimension: int
) -> tuple[Document, list[Chunk], Vectors] | None:
    """Return a document with all of its chunks and vectors.

    Args:
        connection: in a transaction with one snapshot.
        path: the document's id.
        dimension: length of the vectors, 0 if there are none.
    """
    row = await (await connection.execute(_ENTRY, [path])).fetchone()
    if row is None:
        return None
    _, content_hash, _, _, source, _, title, metadata = row
    cursor = await connection.execute(statements.PART, [dimension > 0, path, 0, None])
    chunks: list[Chunk] = []
    vectors = np.empty((row[2], dimension), dtype=np.float32)
    for position, text, headings, places, vector in await cursor.fetchall():
        if dimension:
            vectors[len(chunks)] = vector.to_numpy()
        chunks.append(Chunk(position, text, tuple(headings), 0, decode_places(places)))
    return Document(path, title, content_hash, (), metadata, source), chunks, vectors


async def failures(connection: AsyncConnection) -> dict[str, Failure]:
    """Return what has failed, by document id."""
    cursor = await connection.execute(statements.FAILURES)
    return {
        path: Failure(path, reason, attempts, failed_at, source, FailureKind(kind), *rest)
        async for path, reason, attempts, failed_at, source, kind, *rest in cursor
    }
