"""One run of ingestion over files: prepared ahead, written one at a time, pruned at the end."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from functools import partial
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING

import structlog

from app.exceptions import AppError, RetrievalError, SkippedError
from app.ingestion.preparation import Ready, Unchanged
from app.ingestion.summary import Outcome, Summary, failure_of
from gwkit.index.store import FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.ingestion.discovery import Discovery, SourceFile
    from app.ingestion.preparation import DocumentWriter, Preparer
    from gwkit.index.store import Failure, IndexWriter, LedgerEntry
    from gwkit.telemetry.metrics import Metrics

    Progress = Callable[[int, int, str], None]

__all__ = ["AHEAD", "Progress", "Run", "report_failure"]

_log = structlog.stdlib.get_logger(__name__)

AHEAD = 4
"""Documents that are prepared while an earlier one is written: this many are in memory."""


class Run:
    """Brings the index in step with the files that were found.

    Args:
        found: the files, and the folders that were read as a whole.
        index: where documents are written.
        preparer: reads, parses and chunks documents.
        writer: embeds and writes them.
        metrics: counts outcomes.
        force: also try the documents that were given up.
    """

    def __init__(
        self,
        found: Discovery,
        *,
        index: IndexWriter,
        preparer: Preparer,
        writer: DocumentWriter,
        metrics: Metrics,
        force: bool = False,
    ) -> None:
        self._found = found
        self._index = index
        self._preparer = preparer
        self._writer = writer
        self._metrics = metrics
        self._force = force
        self._ledger: Mapping[str, LedgerEntry] = {}  # from before the run, like the failures
        self._failures: Mapping[str, Failure] = {}
        self._summary = Summary(skipped=len(found.skipped), skipped_files=found.skipped)

    async def ingest(self, progress: Progress | None, stop: Callable[[], bool] | None) -> Summary:
        """Ingest the files until `stop` says so, and return what was done.

        Raises:
            RetrievalError: the index cannot be read.
        """
        started = perf_counter()
        summary, total = self._summary, len(self._found.files)
        self._ledger, self._failures = await self._index.ledger(), await self._index.failures()
        _log.info("ingest_started", documents=total, skipped=summary.skipped)
        try:
            await self._ingest_files(progress, stop)
            await self._prune()
            if summary.submitted == total and all(
                one.source and one.kind is FailureKind.PERMANENT for one in summary.failures
            ):
                await self._index.publish()
                summary.complete = True
        except RetrievalError as exc:
            summary.stopped = str(exc)
            _log.warning("ingest_stopped", reason=summary.stopped)
        summary.seconds = perf_counter() - started
        counted = ("added", "changed", "unchanged", "removed", "failed", "chunks")
        _log.info(
            "ingest_finished",
            latency_ms=round(summary.seconds * 1_000, 1),
            **{name: getattr(summary, name) for name in counted},
        )
        return summary

    async def _ingest_files(
        self, progress: Progress | None, stop: Callable[[], bool] | None
    ) -> None:
        waiting = iter(self._found.files)
        window: deque[tuple[SourceFile, asyncio.Task[Ready | Unchanged]]] = deque()
        try:
            while not (stop and stop()):
                for file in islice(waiting, AHEAD - len(window)):
                    failure = None if self._force else self._failures.get(file.document)
                    entry = self._ledger.get(file.document)
                    prepare = partial(self._preparer.prepare_file, file, entry, failure)
                    window.append((file, asyncio.create_task(self._writer.prepare(prepare))))
                if progress:
                    document = window[0][0].document if window else ""
                    progress(self._summary.submitted, len(self._found.files), document)
                if not window:
                    return
                await self._settle(*window[0])
                window.popleft()
        finally:
            for _, task in window:
                task.cancel()
            await asyncio.gather(*(task for _, task in window), return_exceptions=True)

    async def _settle(self, file: SourceFile, task: asyncio.Task[Ready | Unchanged]) -> None:
        """Write a document when it is ready, or record why it is not.

        Raises:
            RetrievalError: the index is to blame, and not the document.
        """
        entry = self._ledger.get(file.document)
        try:
            ready = await task
            outcome = await self._writer.write(ready, entry)
            if isinstance(ready, Ready):
                self._summary.chunks += len(ready.chunks)
                if unread := ready.document.metadata.get("incomplete"):
                    self._summary.incomplete[file.document] = unread
            elif entry and (ready.source != entry.source or file.document in self._failures):
                await self._index.adopt(file.document, ready.source)
        except RetrievalError as exc:
            with suppress(RetrievalError):
                await self._fail(file, exc)
            raise
        except Exception as exc:  # noqa: BLE001 - a document's defect does not block the others
            await self._fail(file, exc)
        else:
            self._count(outcome)

    async def _fail(self, file: SourceFile, error: Exception) -> None:
        self._count(Outcome.FAILED)
        failure = failure_of(file, error)
        self._summary.failures.append(failure)
        if isinstance(error, SkippedError):
            return  # what is recorded of it stays
        report_failure(file.document, failure.reason, error)
        if file.source:
            await self._index.fail(
                failure.document,
                failure.reason,
                source=failure.source,
                kind=failure.kind,
                content_hash=failure.content_hash,
            )

    async def _prune(self) -> None:
        """Remove the documents that are gone from the folders of the run, and their failures.

        Each is looked up again, since an upload may have taken its id meanwhile.
        """
        folders = self._found.folders
        present = {file.document for file in self._found.files}
        for document, entry in self._ledger.items():
            if entry.source in folders and document not in present:
                current = await self._index.entry(document)
                if current and current.source in folders:
                    await self._index.remove(document)
                    self._summary.removed += 1
                    _log.debug("document_removed", document=document)
        for document, failure in self._failures.items():
            if failure.source in folders and document not in present:
                await self._index.forget(document)

    def _count(self, outcome: Outcome) -> None:
        self._summary.count(outcome)
        self._metrics.count("ingest_documents_total", outcome=outcome)


def report_failure(document: str, reason: str, error: Exception) -> None:
    """Log why a document failed; a defect with its traceback, which nothing else shows."""
    is_defect = not isinstance(error, AppError)
    _log.log(
        logging.ERROR if is_defect else logging.WARNING,
        "document_failed",
        document=document,
        reason=reason,
        error=type(error).__name__,
        exc_info=is_defect,
    )
