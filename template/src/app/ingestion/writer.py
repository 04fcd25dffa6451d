"""The writer: embeds what is prepared, and writes it as one transaction that ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import structlog

from app.exceptions import IngestError
from app.ingestion.preparation import GivenUp, Kept, Prepared
from app.ingestion.steps import timed_step
from app.ingestion.summary import Outcome
from gwkit.executor import BoundedExecutor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gwkit.index.ports import IndexWriter, LedgerEntry
    from gwkit.models.ports import Embedder, Vectors
    from gwkit.telemetry.metrics import Metrics

__all__ = ["DocumentWriter", "Ready", "uninterrupted"]

_log = structlog.stdlib.get_logger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Ready:
    """A document that can be written; `seconds` is what its preparation took."""

    prepared: Prepared
    vectors: Vectors
    seconds: float


class DocumentWriter:
    """Takes documents through preparation, embedding and writing.

    Args:
        index: where documents are written.
        embedder: makes the vectors of the chunks.
        metrics: times the documents.
        ahead: most documents that are prepared at a time.
    """

    def __init__(
        self, index: IndexWriter, embedder: Embedder, metrics: Metrics, *, ahead: int
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._metrics = metrics
        self._slots = asyncio.Semaphore(ahead)
        self._executor = BoundedExecutor(ahead, name="preparation")
        self._timed_embed = timed_step(metrics, "embed", self._embed)
        self._timed_write = timed_step(metrics, "write", self._write)

    async def prepare(
        self, prepare: Callable[[], Prepared | Kept | GivenUp]
    ) -> Ready | Kept | GivenUp:
        """Prepare and embed a document, in its turn.

        Raises:
            OverloadError: documents whose callers have gone still take all threads.
        """
        async with self._slots:
            started = perf_counter()
            prepared = await self._executor.run(prepare)
            if not isinstance(prepared, Prepared):
                return prepared
            vectors = await self._timed_embed(prepared)
            return Ready(prepared, vectors, perf_counter() - started)

    async def _embed(self, prepared: Prepared) -> Vectors:
        expected = (len(prepared.chunks), self._embedder.dimension)
        if not prepared.chunks:
            _log.warning("document_empty", document=prepared.document.id)
            return np.zeros(expected, dtype=np.float32)
        vectors = await self._embedder.embed_documents(
            [chunk.indexed_text for chunk in prepared.chunks]
        )
        if vectors.shape != expected:
            reason = f"the embedder returned the shape {vectors.shape} instead of {expected}"
            raise IngestError(prepared.document.id, reason, passing=True)
        return vectors

    async def write(self, ready: Ready | Kept | GivenUp, entry: LedgerEntry | None) -> Outcome:
        """Write what has changed; the write is finished even where this is cancelled."""
        if isinstance(ready, GivenUp):
            return Outcome.FAILED
        if isinstance(ready, Kept):
            return Outcome.UNCHANGED
        started = perf_counter()
        document, chunks = ready.prepared.document, ready.prepared.chunks
        await self._timed_write(ready)
        seconds = ready.seconds + perf_counter() - started
        self._metrics.observe("ingest_document_seconds", seconds)
        _log.debug(
            "document_ingested",
            document=document.id,
            chunks=len(chunks),
            latency_ms=round(seconds * 1_000, 1),
        )
        if document.incomplete:
            _log.warning("document_incomplete", document=document.id, reason=document.incomplete)
        return Outcome.CHANGED if entry else Outcome.ADDED

    async def _write(self, ready: Ready) -> None:
        document, chunks = ready.prepared.document, ready.prepared.chunks
        await uninterrupted(self._index.replace(document, chunks, ready.vectors))


async def uninterrupted(work: Awaitable[_T]) -> _T:
    """Await a write to its end, and only then let a cancellation through.

    Raises:
        CancelledError: the caller was cancelled; the write has ended, well or not.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()):
            _log.warning("write_failed", error=str(error))
        raise
