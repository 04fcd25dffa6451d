"""What ingestion asks of a store: the ledger, and writing one document as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.ingestion.documents import Chunk, Document
    from app.llm.ports import Vectors

__all__ = ["Failure", "IndexWriter", "LedgerEntry"]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What the index holds of a document; the hash is that of the content really written."""

    document: str
    content_hash: str
    chunks: int
    indexed_at: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that could not be ingested, kept until it is ingested or removed."""

    document: str
    reason: str
    attempts: int = 1
    failed_at: str = ""


class IndexWriter(Protocol):
    """Writes documents, each in one transaction, so that a reader sees the old or the new."""

    async def ledger(self) -> dict[str, LedgerEntry]:
        """Return what is indexed, by document id."""
        ...

    async def failures(self) -> dict[str, Failure]:
        """Return what has failed, by document id."""
        ...

    async def replace(self, document: Document, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Write a document in place of its older version; forget its failure.

        Raises:
            RetrievalError: nothing was written.
        """
        ...

    async def remove(self, document: str) -> bool:
        """Remove a document, or its failure; say whether there was one."""
        ...

    async def fail(self, document: str, reason: str) -> None:
        """Record that a document failed, and count the attempt."""
        ...
