"""The pipeline: files and uploads become indexed documents, one transaction each."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

import structlog

from app.exceptions import AppError, DocumentNotFoundError, IngestError, RetrievalError
from app.ingestion.discovery import Discovery, SourceFile, discover, revisit
from app.ingestion.loaders import LoaderRegistry
from app.ingestion.names import document_name
from app.ingestion.preparation import GivenUp, Kept, Preparer, check_document_id, id_problem
from app.ingestion.progress import SilentProgress
from app.ingestion.pruning import prune
from app.ingestion.run import Run, failure_of
from app.ingestion.summary import Outcome
from app.ingestion.writer import DocumentWriter, Ready, uninterrupted
from gwkit.index.ports import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.ingestion.loaders import DocumentLoader
    from app.ingestion.progress import Progress
    from app.ingestion.sources import Source
    from app.ingestion.summary import Summary
    from gwkit.index.ports import IndexWriter, LedgerEntry
    from gwkit.models.ports import Embedder
    from gwkit.telemetry.metrics import Metrics

__all__ = ["Pipeline"]

_log = structlog.stdlib.get_logger(__name__)

_AHEAD = 4
"""Documents that are prepared while an earlier one is written: this many are in memory."""


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
        self._writer = DocumentWriter(index, embedder, metrics, ahead=_AHEAD)

    async def ingest(
        self,
        paths: Sequence[Path],
        *,
        progress: Progress | None = None,
        stop: Callable[[], bool] = lambda: False,
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
        return await self._follow(found, progress or SilentProgress(), stop)

    async def ingest_source(
        self,
        name: str,
        source: Source,
        *,
        progress: Progress | None = None,
        stop: Callable[[], bool] = lambda: False,
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
            return await self._follow(found, progress or SilentProgress(), stop)
        finally:
            await asyncio.to_thread(folder.cleanup)

    async def retry(
        self,
        documents: Sequence[str],
        *,
        progress: Progress | None = None,
        stop: Callable[[], bool] = lambda: False,
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
        return await self._follow(found, progress or SilentProgress(), stop, insists=True)

    async def _follow(
        self,
        found: Discovery,
        progress: Progress,
        stop: Callable[[], bool],
        *,
        insists: bool = False,
    ) -> Summary:
        started = perf_counter()
        run = Run(found, await self._index.ledger(), await self._index.failures(), insists=insists)
        _log.info("ingest_started", documents=len(found.files), skipped=len(found.skipped))
        progress.start(len(found.files))
        try:
            await self._ingest_files(run, progress, stop)
            run.removed = await prune(self._index, found, run.ledger, run.failures)
            if run.is_complete:
                await self._index.publish()
        except RetrievalError as exc:
            run.stopped = str(exc)
            _log.warning("ingest_stopped", reason=run.stopped)
        finally:
            progress.finish()
        summary = run.summary(perf_counter() - started)
        _log.info(
            "ingest_finished",
            added=summary.added,
            changed=summary.changed,
            unchanged=summary.unchanged,
            removed=summary.removed,
            failed=summary.failed,
            chunks=summary.chunks,
            latency_ms=round(summary.seconds * 1_000, 1),
        )
        return summary

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
            self._report_failure(document_id, reason, exc)
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

    async def _ingest_files(self, run: Run, progress: Progress, stop: Callable[[], bool]) -> None:
        window: deque[tuple[SourceFile, asyncio.Task[Ready | Kept | GivenUp]]] = deque()

        async def settle_first() -> None:
            file, task = window[0]
            progress.begin(file.document)
            await self._settle(run, file, task)
            window.popleft()
            progress.advance()

        try:
            for file in run.found.files:
                if stop():
                    return
                known = run.ledger.get(file.document), run.earlier_failure(file.document)
                prepare = partial(self._preparer.prepare_file, file, *known)
                window.append((file, asyncio.create_task(self._writer.prepare(prepare))))
                if len(window) == _AHEAD:
                    await settle_first()
            while window and not stop():
                await settle_first()
        finally:
            for _, task in window:
                task.cancel()
            await asyncio.gather(*(task for _, task in window), return_exceptions=True)

    async def _settle(
        self, run: Run, file: SourceFile, task: asyncio.Task[Ready | Kept | GivenUp]
    ) -> None:
        """Write a document when it is ready, or record why it is not.

        Raises:
            RetrievalError: the index is to blame, and not the document.
        """
        entry = run.ledger.get(file.document)
        try:
            ready = await task
            if isinstance(ready, GivenUp):
                run.failed.append(Failure(file.document, ready.reason, source=file.source))
            outcome = await self._writer.write(ready, entry)
            if isinstance(ready, Ready):
                run.chunks += len(ready.prepared.chunks)
                if ready.prepared.document.incomplete:
                    run.incomplete[file.document] = ready.prepared.document.incomplete
            elif isinstance(ready, Kept) and entry:
                await self._adopt(run, entry, ready.source)
        except RetrievalError as exc:
            with suppress(RetrievalError):
                await self._fail(run, file, exc)
            raise
        except Exception as exc:  # noqa: BLE001 - a document's defect does not block the others
            await self._fail(run, file, exc)
        else:
            self._count(run, outcome)

    async def _adopt(self, run: Run, entry: LedgerEntry, source: str) -> None:
        if source != entry.source or entry.document in run.failures:
            await self._index.adopt(entry.document, source)

    async def _fail(self, run: Run, file: SourceFile, error: Exception) -> None:
        self._count(run, Outcome.FAILED)
        failure = failure_of(file, error)
        run.failed.append(failure)
        self._report_failure(file.document, failure.reason, error)
        if file.source:
            await self._index.fail(
                failure.document,
                failure.reason,
                source=failure.source,
                kind=failure.kind,
                content_hash=failure.content_hash,
            )

    def _count(self, run: Run, outcome: Outcome) -> None:
        run.outcomes[outcome] += 1
        self._metrics.count("ingest_documents_total", outcome=outcome)

    def _report_failure(self, document: str, reason: str, error: Exception) -> None:
        # A defect comes with its traceback, which nothing else shows.
        is_defect = not isinstance(error, AppError)
        _log.log(
            logging.ERROR if is_defect else logging.WARNING,
            "document_failed",
            document=document,
            reason=reason,
            error=type(error).__name__,
            exc_info=is_defect,
        )
