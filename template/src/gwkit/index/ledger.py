"""What ingestion asks of a store: the ledger, and writing one document as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwkit.documents import Chunk, Document
    from gwkit.models.ports import Vectors

__all__ = ["UPLOAD", "Failure", "FailureKind", "IndexWriter", "LedgerEntry"]

UPLOAD = "upload"
"""The source of documents that came through the API and not from a folder."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What the index holds of a document; the hash is that of the content really written.

    `source` is the absolute path of the folder that the document's id is relative to, or `UPLOAD`.
    It is for ingestion alone and not for callers of the API. `incomplete` is as in
    `gwkit.documents.Document`.
    """

    document: str
    content_hash: str
    chunks: int
    indexed_at: str
    source: str = ""
    incomplete: str = ""


class FailureKind(StrEnum):
    """Whether a document that failed has to be mended."""

    PERMANENT = "permanent"
    """The same bytes would fail again."""
    PASSING = "passing"
    """The document may be ingested as it is, once something else is mended or over."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that could not be ingested, kept until it is ingested, removed or forgotten.

    `reason` and `kind` are those of the last attempt; the times are in UTC (ISO 8601).
    `content_hash` is set only where parsing that content exceeded a limit.
    """

    document: str
    reason: str
    attempts: int = 1
    failed_at: str = ""
    source: str = ""
    kind: FailureKind = FailureKind.PERMANENT
    first_failed_at: str = ""
    content_hash: str = ""


class IndexWriter(Protocol):
    """Writes documents, each in one transaction, so that a reader sees the old or the new."""

    async def ledger(self) -> dict[str, LedgerEntry]:
        """Return what is indexed, by document id."""
        ...

    async def entry(self, document: str) -> LedgerEntry | None:
        """Return what is indexed of one document."""
        ...

    async def failures(self) -> dict[str, Failure]:
        """Return what has failed, by document id."""
        ...

    async def replace(self, document: Document, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Write a document in place of its older version; forget its failure.

        The hash and the source are recorded in the same transaction.

        Raises:
            RetrievalError: nothing was written.
        """
        ...

    async def adopt(self, document: str, source: str) -> None:
        """Record that an indexed document, as it stands, comes from `source`; forget its failure.

        Does nothing where the document is not indexed.
        """
        ...

    async def remove(self, document: str) -> bool:
        """Remove a document and its failure; say whether there was either."""
        ...

    async def fail(
        self,
        document: str,
        reason: str,
        *,
        source: str,
        kind: FailureKind = FailureKind.PERMANENT,
        content_hash: str = "",
    ) -> None:
        """Record that a document failed, and count the attempt; an older version stays."""
        ...

    async def forget(self, document: str) -> bool:
        """Forget a document's failure, and nothing else of it; say whether there was one."""
        ...

    async def publish(self) -> None:
        """Let an index that was made anew take the place of the older one, all at once.

        Until then readers see the older one. Does nothing where no other one is replaced.

        Raises:
            RetrievalError: the older one stays.
        """
        ...
