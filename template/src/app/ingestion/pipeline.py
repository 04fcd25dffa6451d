"""The pipeline: files and uploads become indexed documents, one transaction each."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import structlog

from app.exceptions import AppError, DocumentNotFoundError, IngestError
from app.ingestion.discovery import Discovery, SourceFile, discover, revisit
from app.ingestion.loaders import LoaderRegistry
from app.ingestion.names import check_document_id, document_name, id_problem
from app.ingestion.preparation import DocumentWriter, Preparer, uninterrupted
from app.ingestion.run import AHEAD, Run, report_failure
from app.ingestion.summary import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.ingestion.loaders import DocumentLoader
    from app.ingestion.run import Progress
    from app.ingestion.sources import Source
    from app.ingestion.summary import Summary
    from gwkit.index.store import IndexWriter
    from gwkit.models.protocols import Embedder
    from gwkit.telemetry.metrics import Metrics

__all__ = ["Pipeline"]

_log = structlog.stdlib.get_logger(__name__)


class Pipeline:
    """Brings documents into an index and keeps them in step with their files.

    Parsing, chunking and embedding run ahead of the writer, in threads; documents are written one
    at a time, in the order of their ids.

    Args:
        index: where documents are written.
        embedder: makes the vectors of the chunks.
        metrics: counts outcomes and times.
        chunk_tokens: most tokens in a chunk.
        chunk_overlap_tokens: most tokens that neighbouring chunks share.
        max_document_bytes: largest document that is read.
        loaders: what can be read; by default the built-in formats.
    """

    def __init__(
        self,
        *,
        index: IndexWriter,
        embedder: Embedder,
        metrics: Metrics,
        chunk_tokens: int,
        chunk_overlap_tokens: int,
        max_document_bytes: int,
        loaders: DocumentLoader | None = None,
    ) -> None:
        self._index = index
        self._metrics = metrics
        self._loaders = loaders or LoaderRegistry()
        self._preparer = Preparer(
            self._loaders,
            metrics,
            chunk_tokens=chunk_tokens,
            chunk_overlap_tokens=chunk_overlap_tokens,
            max_document_bytes=max_document_bytes,
        )
        self._writer = DocumentWriter(index, embedder, metrics, ahead=AHEAD)

    async def ingest(
        self,
        paths: Sequence[Path],
        *,
        progress: Progress | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Summary:
        """Bring the index in step with files and folders, and say what was done.

        A document that fails is recorded with its reason and tried again next time; the others go
        on, and an older version of it stays. Documents whose file is gone from one of the folders
        are removed; those of other folders and uploads are not touched. Once `stop` says so, the
        document in hand is the last one of the run. So it is when the index cannot be written, as
        on a full disk: the summary says so. When this is cancelled, the document in hand is written
        to its end, and nothing after it.

        Raises:
            RetrievalError: the index cannot be read.
        """
        found = await asyncio.to_thread(discover, paths, self._loaders.suffixes)
        return await self._follow(found, progress, stop)

    async def is_empty(self) -> bool:
        """Return whether the index holds no document.

        Raises:
            RetrievalError: the index cannot be read.
        """
        return not await self._index.ledger()

    async def ingest_source(
        self,
        name: str,
        source: Source,
        *,
        progress: Progress | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Summary:
        """Bring the index in step with a source, as `ingest` does with a folder.

        Raises:
            IngestError: the source cannot be read.
            RetrievalError: the index cannot be read.
        """
        origin = f"source:{name}"
        folder = await asyncio.to_thread(TemporaryDirectory)
        try:
            files: list[SourceFile] = []
            async for document in source.documents():
                path = Path(folder.name, str(len(files)))
                await asyncio.to_thread(path.write_bytes, document.data)
                document_id = document_name(document.id)
                files.append(SourceFile(document_id, path, origin, id_problem(document_id)))
            found = Discovery(tuple(files), frozenset({origin}))
            return await self._follow(found, progress, stop)
        finally:
            await asyncio.to_thread(folder.cleanup)

    async def retry(
        self,
        documents: Sequence[str],
        *,
        progress: Progress | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Summary:
        """Try documents again that have failed, also those that were given up; as `ingest` does.

        Raises:
            IngestError: one of them has not failed.
            RetrievalError: the index cannot be read.
        """
        failures = await self._index.failures()
        for document in documents:
            if document not in failures:
                raise IngestError(document, "has not failed, or has been ingested since")
        chosen = [failures[document] for document in dict.fromkeys(documents)]
        files = await asyncio.to_thread(
            lambda: [revisit(failure.document, failure.source) for failure in chosen]
        )
        found = Discovery(tuple(files), frozenset())
        return await self._follow(found, progress, stop, force=True)

    async def _follow(
        self,
        found: Discovery,
        progress: Progress | None,
        stop: Callable[[], bool] | None,
        *,
        force: bool = False,
    ) -> Summary:
        run = Run(
            found,
            index=self._index,
            preparer=self._preparer,
            writer=self._writer,
            metrics=self._metrics,
            force=force,
        )
        return await run.ingest(progress, stop)

    async def ingest_upload(self, document_id: str, data: bytes) -> Outcome:
        """Index bytes under an id, in place of what has this id; return what came of it.

        Raises:
            AppError: nothing has changed: `IngestError` where the id or the bytes cannot be taken,
                `LLMError` from the embedder, `RetrievalError` from the index.
        """
        document_id = document_name(document_id)
        try:
            check_document_id(document_id)
            entry = await self._index.entry(document_id)
            ready = await self._writer.prepare(
                partial(self._preparer.prepare_upload, document_id, data, entry)
            )
            outcome = await self._writer.write(ready, entry)
        except AppError as exc:
            reason = exc.reason if isinstance(exc, IngestError) else str(exc)
            report_failure(document_id, reason, exc)
            self._metrics.count("ingest_documents_total", outcome=Outcome.FAILED)
            raise
        self._metrics.count("ingest_documents_total", outcome=outcome)
        return outcome

    async def remove(self, document_id: str) -> None:
        """Remove a document from the index.

        A document of a folder comes back when the folder is ingested again.

        Raises:
            DocumentNotFoundError: there is no such document.
        """
        # An index that was made by an earlier release may hold ids that are not in NFC.
        for name in dict.fromkeys((document_id, document_name(document_id))):
            if await uninterrupted(self._index.remove(name)):
                break
        else:
            raise DocumentNotFoundError(document_id)
        _log.info("document_removed", document=document_id)
