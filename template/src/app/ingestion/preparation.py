"""One document on its way into the index: read, parsed, chunked, embedded and written."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np
import structlog

from app.exceptions import IngestError, ParseLimitError, SkippedError
from app.ingestion.chunking import chunk_blocks
from app.ingestion.discovery import is_owned_elsewhere, read_file
from app.ingestion.summary import Outcome
from gwkit.documents import Chunk, Document
from gwkit.executor import BoundedExecutor
from gwkit.index.store import UPLOAD
from gwkit.telemetry.profiling import timed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.ingestion.discovery import SourceFile
    from app.ingestion.loaders import DocumentLoader
    from gwkit.index.store import Failure, IndexWriter, LedgerEntry
    from gwkit.models.protocols import Embedder, Vectors
    from gwkit.telemetry.metrics import Metrics

__all__ = [
    "DocumentWriter",
    "Prepared",
    "Preparer",
    "Ready",
    "Unchanged",
    "indexed_text",
    "uninterrupted",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")

_log = structlog.stdlib.get_logger(__name__)

_MOST_ATTEMPTS = 3
"""Attempts at content that exceeds a limit of parsing: each costs all of that limit."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A document that the index already holds; `source` is where it comes from now."""

    source: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that is to be embedded."""

    document: Document
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """A document that can be written; `seconds` is what its preparation took."""

    document: Document
    chunks: tuple[Chunk, ...]
    vectors: Vectors
    seconds: float


class Preparer:
    """Reads, parses and chunks documents; everything here blocks, so threads run it.

    Args:
        loaders: what can be read.
        metrics: times parsing and chunking.
        chunk_tokens: most tokens in a chunk.
        chunk_overlap_tokens: most tokens that neighbouring chunks share.
        max_document_bytes: largest document that is read.
    """

    def __init__(
        self,
        loaders: DocumentLoader,
        metrics: Metrics,
        *,
        chunk_tokens: int,
        chunk_overlap_tokens: int,
        max_document_bytes: int,
    ) -> None:
        self._load = _timed_step(metrics, "parse", loaders.load)
        self._chunk = _timed_step(metrics, "chunk", chunk_blocks)
        self._chunk_tokens = chunk_tokens
        self._chunk_overlap_tokens = chunk_overlap_tokens
        self._max_document_bytes = max_document_bytes

    def prepare_file(
        self, file: SourceFile, entry: LedgerEntry | None, failure: Failure | None = None
    ) -> Prepared | Unchanged:
        """Prepare a file, unless its bytes are what the index holds: then it is only hashed.

        Args:
            file: what was found.
            entry: what the index holds of it.
            failure: what is known of earlier attempts, if they count.

        Raises:
            IngestError: the file cannot be read, or its id belongs to another document.
            SkippedError: earlier attempts have failed too often.
        """
        if file.problem:
            raise IngestError(file.document, file.problem)
        data = read_file(file, self._check_size)
        content_hash = _hash(data)
        if entry is not None:
            owned_elsewhere = is_owned_elsewhere(entry, file)
            if entry.content_hash == content_hash:
                return Unchanged(entry.source if owned_elsewhere else file.source)
            if owned_elsewhere:
                origin = "an upload" if entry.source == UPLOAD else f"the folder {entry.source}"
                reason = f"has the id of another document, from {origin}; rename or remove one"
                raise IngestError(file.document, reason)
        if failure and failure.content_hash == content_hash and failure.attempts >= _MOST_ATTEMPTS:
            again = "it is tried again when it changes, or by `python -m app failed retry`"
            reason = f"{failure.reason}; given up after {failure.attempts} attempts, {again}"
            raise SkippedError(file.document, reason)
        return self._prepare(file.document, data, content_hash, file.source)

    def prepare_upload(
        self, document: str, data: bytes, entry: LedgerEntry | None
    ) -> Prepared | Unchanged:
        """Prepare bytes that came with a document id; they replace what has this id.

        Raises:
            IngestError: there are too many bytes, or they cannot be read.
        """
        self._check_size(document, len(data))
        content_hash = _hash(data)
        if entry is not None and entry.content_hash == content_hash:
            return Unchanged(entry.source)
        return self._prepare(document, data, content_hash, UPLOAD)

    def _prepare(self, document: str, data: bytes, content_hash: str, source: str) -> Prepared:
        try:
            loaded = self._load(document, data)
        except ParseLimitError as exc:
            raise ParseLimitError(document, exc.reason, content_hash=content_hash) from exc
        chunks = self._chunk(
            loaded.blocks, budget=self._chunk_tokens, overlap=self._chunk_overlap_tokens
        )
        whole = Document(
            id=document,
            title=loaded.title,
            content_hash=content_hash,
            blocks=loaded.blocks,
            metadata=loaded.metadata,
            source=source,
        )
        return Prepared(whole, tuple(chunks))

    def _check_size(self, document: str, size: int) -> None:
        if size > self._max_document_bytes:
            limit = f"{self._max_document_bytes:,} are allowed (APP_MAX_DOCUMENT_BYTES)"
            raise IngestError(document, f"has {size:,} bytes and {limit}")


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
        self._embed = _timed_step(metrics, "embed", self._vectors)
        self._replace = _timed_step(metrics, "write", self._replaced)

    async def prepare(self, prepare: Callable[[], Prepared | Unchanged]) -> Ready | Unchanged:
        """Prepare and embed a document, in its turn.

        Raises:
            OverloadError: documents whose callers have gone still take all threads.
        """
        async with self._slots:
            started = perf_counter()
            prepared = await self._executor.run(prepare)
            if isinstance(prepared, Unchanged):
                return prepared
            vectors = await self._embed(prepared)
            seconds = perf_counter() - started
            return Ready(prepared.document, prepared.chunks, vectors, seconds)

    async def write(self, ready: Ready | Unchanged, entry: LedgerEntry | None) -> Outcome:
        """Write what has changed; the write is finished even if this is cancelled."""
        if isinstance(ready, Unchanged):
            return Outcome.UNCHANGED
        started = perf_counter()
        await self._replace(ready)
        seconds = ready.seconds + perf_counter() - started
        self._metrics.observe("ingest_document_seconds", seconds)
        document = ready.document
        _log.debug(
            "document_ingested",
            document=document.id,
            chunks=len(ready.chunks),
            latency_ms=round(seconds * 1_000, 1),
        )
        if unread := document.metadata.get("incomplete"):
            _log.warning("document_incomplete", document=document.id, reason=unread)
        return Outcome.CHANGED if entry else Outcome.ADDED

    async def _vectors(self, prepared: Prepared) -> Vectors:
        document = prepared.document.id
        expected = (len(prepared.chunks), self._embedder.dimension)
        if not prepared.chunks:
            _log.warning("document_empty", document=document)
            return np.zeros(expected, dtype=np.float32)
        texts = [indexed_text(chunk) for chunk in prepared.chunks]
        vectors = await self._embedder.embed_documents(texts)
        if vectors.shape != expected:
            reason = f"the embedder returned the shape {vectors.shape} instead of {expected}"
            raise IngestError(document, reason, passing=True)
        return vectors

    async def _replaced(self, ready: Ready) -> None:
        await uninterrupted(self._index.replace(ready.document, ready.chunks, ready.vectors))


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


def _timed_step(metrics: Metrics, step: str, function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return the function with each call logged at DEBUG and observed as `ingest_step_seconds`."""

    def observe(_function: str, milliseconds: float) -> None:
        metrics.observe("ingest_step_seconds", milliseconds / 1_000, step=step)
        _log.debug("ingest_step_finished", step=step, latency_ms=round(milliseconds, 3))

    return timed(observe)(function)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def indexed_text(chunk: Chunk) -> str:
    """Return what is embedded: the headings path, then the text."""
    return "\n".join((" > ".join(chunk.headings), chunk.text)) if chunk.headings else chunk.text
