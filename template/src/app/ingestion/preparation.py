"""One document on its way into the index: read, parsed, chunked, embedded and written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np
import structlog

from app.exceptions import IngestError, ParseLimitError, SkippedError
from app.ingestion.chunking import chunk_blocks
from app.ingestion.discovery import is_owned_elsewhere, read_file
from app.ingestion.loaders import LoaderRegistry
from gwkit.documents import Chunk, Document
from gwkit.executor import BoundedExecutor
from gwkit.index.store import UPLOAD
from gwkit.telemetry.profiling import timed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.config.settings import IndexSettings
    from app.ingestion.discovery import SourceFile
    from app.ingestion.loaders import DocumentLoader
    from gwkit.index.store import Failure, IndexWriter, LedgerEntry
    from gwkit.models.protocols import Embedder, Vectors
    from gwkit.telemetry.metrics import Metrics

__all__ = [
    "AHEAD",
    "DocumentWriter",
    "Outcome",
    "Ready",
    "Unchanged",
    "indexed_text",
    "uninterrupted",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")

_log = structlog.stdlib.get_logger(__name__)

AHEAD = 4
"""Documents that are prepared while an earlier one is written: this many are in memory."""

_MOST_ATTEMPTS = 3
"""Attempts at content that exceeds a limit of parsing: each costs all of that limit."""

_Parsed = tuple[Document, Sequence[Chunk]]


class Outcome(StrEnum):
    """How the ingestion of one document ended."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A document that the index already holds; `source` is where it comes from now."""

    source: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A document that can be written; `seconds` is the time that its preparation took."""

    document: Document
    chunks: Sequence[Chunk]
    vectors: Vectors
    seconds: float


@dataclass(kw_only=True)
class DocumentWriter:
    """Takes documents through parsing, embedding and writing.

    Args:
        index: where documents are written.
        embedder: makes the vectors of the chunks.
        metrics: counts outcomes and times.
        settings: the sizes of chunks and documents.
        loaders: what can be read; by default the built-in formats.
    """

    index: IndexWriter
    embedder: Embedder
    metrics: Metrics
    settings: IndexSettings
    loaders: DocumentLoader = field(default_factory=LoaderRegistry)
    ahead: int = field(default=AHEAD, init=False)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(AHEAD)
        self._executor = BoundedExecutor(AHEAD, name="preparation")
        self._load = _timed_step(self.metrics, "parse", self.loaders.load)
        self._chunk = _timed_step(self.metrics, "chunk", chunk_blocks)
        self._embed = _timed_step(self.metrics, "embed", self._vectors)
        self._replace = _timed_step(self.metrics, "write", self.index.replace)

    def read_file(
        self, file: SourceFile, entry: LedgerEntry | None, failure: Failure | None
    ) -> _Parsed | Unchanged:
        """Parse a file, unless its bytes are what the index holds: then it is only hashed; blocks.

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
        content_hash = sha256(data).hexdigest()
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
        return self._parse(file.document, data, content_hash, file.source)

    def read_upload(
        self, document: str, data: bytes, entry: LedgerEntry | None
    ) -> _Parsed | Unchanged:
        """Parse bytes that came with a document id; they replace what has this id; blocks.

        Raises:
            IngestError: there are too many bytes, or they cannot be read.
        """
        self._check_size(document, len(data))
        content_hash = sha256(data).hexdigest()
        if entry is not None and entry.content_hash == content_hash:
            return Unchanged(entry.source)
        return self._parse(document, data, content_hash, UPLOAD)

    def _parse(self, document: str, data: bytes, content_hash: str, source: str) -> _Parsed:
        try:
            loaded = self._load(document, data)
        except ParseLimitError as exc:
            raise ParseLimitError(document, exc.reason, content_hash=content_hash) from exc
        title, blocks, metadata = loaded.title, loaded.blocks, loaded.metadata
        chunks = self._chunk(
            blocks,
            budget=self.settings.chunk_tokens,
            overlap=self.settings.chunk_overlap_tokens,
        )
        return Document(document, title, content_hash, blocks, metadata, source), chunks

    def _check_size(self, document: str, size: int) -> None:
        most = self.settings.max_document_bytes
        if size > most:
            reason = f"has {size:,} bytes and {most:,} are allowed (APP_MAX_DOCUMENT_BYTES)"
            raise IngestError(document, reason)

    async def prepare_file(
        self, file: SourceFile, entry: LedgerEntry | None, failure: Failure | None
    ) -> Ready | Unchanged:
        """Prepare a file in this process; the arguments are those of `read_file`.

        Raises:
            AppError: the document cannot be prepared.
        """
        return await self.prepare(self.read_file, file, entry, failure)

    async def prepare(
        self, read: Callable[_P, _Parsed | Unchanged], *args: _P.args, **kwargs: _P.kwargs
    ) -> Ready | Unchanged:
        """Call what reads a document in a thread, in its turn, and embed its chunks.

        Raises:
            OverloadError: documents whose callers have gone still take all threads.
        """
        async with self._slots:
            started = perf_counter()
            found = await self._executor.run(read, *args, **kwargs)
            if isinstance(found, Unchanged):
                return found
            vectors = await self._embed(*found)
            return Ready(*found, vectors, perf_counter() - started)

    async def write(self, ready: Ready | Unchanged, entry: LedgerEntry | None) -> Outcome:
        """Write what has changed; the write is finished even if this is cancelled."""
        if isinstance(ready, Unchanged):
            return Outcome.UNCHANGED
        started = perf_counter()
        document = ready.document
        await uninterrupted(self._replace(document, ready.chunks, ready.vectors))
        seconds = ready.seconds + perf_counter() - started
        self.metrics.observe("ingest_document_seconds", seconds)
        _log.debug(
            "document_ingested",
            document=document.id,
            chunks=len(ready.chunks),
            latency_ms=round(seconds * 1_000, 1),
        )
        if unread := document.metadata.get("incomplete"):
            _log.warning("document_incomplete", document=document.id, reason=unread)
        return Outcome.CHANGED if entry else Outcome.ADDED

    async def _vectors(self, document: Document, chunks: Sequence[Chunk]) -> Vectors:
        expected = (len(chunks), self.embedder.dimension)
        if not chunks:
            _log.warning("document_empty", document=document.id)
        if not all(expected):
            return np.zeros(expected, dtype=np.float32)
        vectors = await self.embedder.embed_documents(list(map(indexed_text, chunks)))
        if vectors.shape != expected:
            reason = f"the embedder returned the shape {vectors.shape} instead of {expected}"
            raise IngestError(document.id, reason, passing=True)
        return vectors


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


def indexed_text(chunk: Chunk) -> str:
    """Return the text that is embedded: the headings path, then the chunk's own."""
    return "\n".join((" > ".join(chunk.headings), chunk.text)) if chunk.headings else chunk.text
