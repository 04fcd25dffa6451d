"""The pipeline: files and uploads become indexed documents, one transaction each."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import structlog

from app.exceptions import AppError, DocumentNotFoundError, IngestError
from app.ingestion.discovery import Discovery, SourceFile, discover, revisit
from app.ingestion.names import check_document_id, document_name, id_problem
from app.ingestion.preparation import DocumentWriter, Outcome, uninterrupted
from app.ingestion.run import Run, report_failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.ingestion.run import Engine, Progress, Stop, Summary
    from app.ingestion.sources import Source
    from gwkit.index.store import Failure

__all__ = ["Pipeline", "ingest_samples"]

_log = structlog.stdlib.get_logger(__name__)


class Pipeline(DocumentWriter):
    """Brings documents into an index and keeps them in step with their files.

    Parsing, chunking and embedding run ahead of the writer, in threads; documents are written one
    at a time, in the order of their ids.
    """

    async def ingest(
        self,
        paths: Sequence[Path],
        *,
        progress: Progress | None = None,
        stop: Stop | None = None,
        engine: Engine | None = None,
    ) -> Summary:
        """Bring the index in step with files and folders, and say what was done.

        A document that fails is recorded with its reason and tried again next time; the others go
        on, and an older version of it stays. Documents whose file is gone from one of the folders
        are removed; those of other folders and uploads are not touched. Once `stop` says so, the
        document in hand is the last one of the run. So it is when the index cannot be written, as
        on a full disk: the summary says so. When this is cancelled, the document in hand is written
        to its end, and nothing after it. An `engine` prepares the documents elsewhere; what comes
        of them is the same.

        Raises:
            RetrievalError: the index cannot be read.
        """
        found = await asyncio.to_thread(discover, paths, self.loaders.suffixes)
        return await Run(found, self, engine=engine).ingest(progress, stop)

    async def ingest_source(
        self,
        name: str,
        source: Source,
        *,
        progress: Progress | None = None,
        stop: Stop | None = None,
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
            return await Run(found, self).ingest(progress, stop)
        finally:
            await asyncio.to_thread(folder.cleanup)

    async def find_failures(self, documents: Sequence[str] | None = None) -> list[Failure]:
        """Return the failures of these documents, of all by default.

        Raises:
            IngestError: one of them has not failed.
            RetrievalError: the index cannot be read.
        """
        failures = await self.index.failures()
        names = failures if documents is None else dict.fromkeys(map(document_name, documents))
        for document in names:
            if document not in failures:
                raise IngestError(document, "has not failed; `python -m app failed list` has those")
        return [failures[document] for document in names]

    async def retry(
        self,
        documents: Sequence[str] | None = None,
        *,
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> Summary:
        """Ingest these documents that have failed, or all, again; also those that were given up.

        Raises:
            IngestError: one of them has not failed.
            RetrievalError: the index cannot be read.
        """
        chosen = await self.find_failures(documents)
        files = await asyncio.to_thread(
            lambda: [revisit(failure.document, failure.source) for failure in chosen]
        )
        return await Run(Discovery(tuple(files)), self, force=True).ingest(progress, stop)

    async def ingest_upload(self, document_id: str, data: bytes) -> Outcome:
        """Index bytes under an id, in place of the document that has it; return the outcome.

        Raises:
            AppError: nothing has changed: `IngestError` where the id or the bytes cannot be taken,
                `LLMError` from the embedder, `RetrievalError` from the index.
        """
        document_id = document_name(document_id)
        try:
            check_document_id(document_id)
            entry = await self.index.entry(document_id)
            ready = await self.prepare(self.read_upload, document_id, data, entry)
            outcome = await self.write(ready, entry)
        except AppError as exc:
            reason = exc.reason if isinstance(exc, IngestError) else str(exc)
            report_failure(document_id, reason, exc)
            self.metrics.count("ingest_documents_total", outcome=Outcome.FAILED)
            raise
        self.metrics.count("ingest_documents_total", outcome=outcome)
        return outcome

    async def remove(self, document_id: str) -> None:
        """Remove a document from the index.

        A document of a folder comes back when the folder is ingested again.

        Raises:
            DocumentNotFoundError: there is no such document.
        """
        if not await uninterrupted(self.index.remove(document_name(document_id))):
            raise DocumentNotFoundError(document_id)
        _log.info("document_removed", document=document_id)


async def ingest_samples(pipeline: Pipeline, path: Path) -> None:
    """Ingest the samples if the index is empty; a team may have removed the folder."""
    if await pipeline.index.ledger():
        return
    summary = await pipeline.ingest([path])
    if not summary.added:
        _log.warning("no_samples", path=str(path))
