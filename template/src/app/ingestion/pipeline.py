"""The pipeline: files and uploads become indexed documents, one transaction each."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

import structlog

from app.exceptions import AppError, DocumentNotFoundError, IngestError, RetrievalError
from app.ingestion.discovery import Discovery, SourceFile, discover, revisit
from app.ingestion.loaders import LoaderRegistry
from app.ingestion.names import check_document_id, document_name, id_problem
from app.ingestion.preparation import (
    DocumentWriter,
    Preparer,
    Ready,
    SkippedError,
    Unchanged,
    uninterrupted,
)
from app.ingestion.summary import Outcome, Summary, failure_of
from gwkit.index.ledger import FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.ingestion.loaders import DocumentLoader
    from app.ingestion.sources import Source
    from gwkit.index.ledger import Failure, IndexWriter, LedgerEntry
    from gwkit.models.ports import Embedder
    from gwkit.telemetry.metrics import Metrics

    Progress = Callable[[int, int, str], None]

__all__ = ["Pipeline"]

_log = structlog.stdlib.get_logger(__name__)

_AHEAD = 4
"""Documents that are prepared while an earlier one is written: this many are in memory."""


def _show_nothing(_done: int, _total: int, _document: str) -> None:
    """Ignore the progress."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class _Run:
    """A run over the files that were found; `ledger` and `failures` are from before it.

    With `force`, documents that were given up are tried too.
    """

    files: Sequence[SourceFile]
    folders: frozenset[str]
    ledger: Mapping[str, LedgerEntry]
    failures: Mapping[str, Failure]
    force: bool
    summary: Summary


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
        progress: Progress = _show_nothing,
        stop: Callable[[], bool] = _never,
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

    async def ingest_source(
        self,
        name: str,
        source: Source,
        *,
        progress: Progress = _show_nothing,
        stop: Callable[[], bool] = _never,
    ) -> Summary:
        """Bring the index in step with a source, as `ingest` does with a folder.

        Raises:
            IngestError: the source cannot be read.
            RetrievalError: the index cannot be read.
        """
        origin = f"source:{name}"
        with TemporaryDirectory() as folder:
            files: list[SourceFile] = []
            async for document in source.documents():
                path = Path(folder, str(len(files)))
                await asyncio.to_thread(path.write_bytes, document.data)
                document_id = document_name(document.id)
                files.append(SourceFile(document_id, path, origin, id_problem(document_id)))
            found = Discovery(tuple(files), frozenset({origin}))
            return await self._follow(found, progress, stop)

    async def retry(
        self,
        documents: Sequence[str],
        *,
        progress: Progress = _show_nothing,
        stop: Callable[[], bool] = _never,
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
        self, found: Discovery, progress: Progress, stop: Callable[[], bool], *, force: bool = False
    ) -> Summary:
        started = perf_counter()
        ledger, failures = await self._index.ledger(), await self._index.failures()
        summary = Summary(skipped=len(found.skipped), skipped_files=found.skipped)
        run = _Run(found.files, found.folders, ledger, failures, force, summary)
        _log.info("ingest_started", documents=len(found.files), skipped=summary.skipped)
        try:
            await self._ingest_files(run, progress, stop)
            await self._prune(run)
            if summary.submitted == len(run.files) and all(
                one.source and one.kind is FailureKind.PERMANENT for one in summary.failures
            ):
                await self._index.publish()
                summary.complete = True
        except RetrievalError as exc:
            summary.stopped = str(exc)
            _log.warning("ingest_stopped", reason=summary.stopped)
        summary.seconds = perf_counter() - started
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

    async def _ingest_files(
        self, run: _Run, progress: Progress, stop: Callable[[], bool]
    ) -> None:
        waiting = iter(run.files)
        window: deque[tuple[SourceFile, asyncio.Task[Ready | Unchanged]]] = deque()
        try:
            while not stop():
                for file in islice(waiting, _AHEAD - len(window)):
                    failure = None if run.force else run.failures.get(file.document)
                    entry = run.ledger.get(file.document)
                    prepare = partial(self._preparer.prepare_file, file, entry, failure)
                    window.append((file, asyncio.create_task(self._writer.prepare(prepare))))
                file, task = window[0] if window else (None, None)
                progress(run.summary.submitted, len(run.files), file.document if file else "")
                if file is None or task is None:
                    return
                await self._settle(run, file, task)
                window.popleft()
        finally:
            for _, task in window:
                task.cancel()
            await asyncio.gather(*(task for _, task in window), return_exceptions=True)

    async def _settle(
        self, run: _Run, file: SourceFile, task: asyncio.Task[Ready | Unchanged]
    ) -> None:
        """Write a document when it is ready, or record why it is not.

        Raises:
            RetrievalError: the index is to blame, and not the document.
        """
        entry = run.ledger.get(file.document)
        try:
            ready = await task
            outcome = await self._writer.write(ready, entry)
            if isinstance(ready, Ready):
                run.summary.chunks += len(ready.chunks)
                if ready.document.incomplete:
                    run.summary.incomplete[file.document] = ready.document.incomplete
            elif entry and (ready.source != entry.source or file.document in run.failures):
                await self._index.adopt(file.document, ready.source)
        except RetrievalError as exc:
            with suppress(RetrievalError):
                await self._fail(run, file, exc)
            raise
        except Exception as exc:  # noqa: BLE001 - a document's defect does not block the others
            await self._fail(run, file, exc)
        else:
            self._count(run, outcome)

    async def _fail(self, run: _Run, file: SourceFile, error: Exception) -> None:
        self._count(run, Outcome.FAILED)
        failure = failure_of(file, error)
        run.summary.failures.append(failure)
        if isinstance(error, SkippedError):
            return  # what is recorded of it stays
        self._report_failure(file.document, failure.reason, error)
        if file.source:
            await self._index.fail(
                failure.document,
                failure.reason,
                source=failure.source,
                kind=failure.kind,
                content_hash=failure.content_hash,
            )

    async def _prune(self, run: _Run) -> None:
        """Remove the documents that are gone from the folders of the run, and their failures.

        Each is looked up again, since an upload may have taken its id meanwhile.
        """
        present = {file.document for file in run.files}
        for document, entry in run.ledger.items():
            if entry.source not in run.folders or document in present:
                continue
            current = await self._index.entry(document)
            if current and current.source in run.folders:
                await self._index.remove(document)
                run.summary.removed += 1
                _log.debug("document_removed", document=document)
        for document, failure in run.failures.items():
            if failure.source in run.folders and document not in present:
                await self._index.forget(document)

    def _count(self, run: _Run, outcome: Outcome) -> None:
        run.summary.count(outcome)
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
