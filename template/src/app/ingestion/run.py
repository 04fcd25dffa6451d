"""One run of ingestion over files: prepared ahead, written one at a time, pruned at the end."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import structlog

from app.exceptions import (
    AppError,
    IngestError,
    ParseLimitError,
    RetrievalError,
    SkippedError,
    TokenLimitError,
)
from app.ingestion.preparation import Outcome, Ready
from gwkit.index.store import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.ingestion.discovery import Discovery, SkippedFile, SourceFile
    from app.ingestion.preparation import DocumentWriter, Unchanged
    from gwkit.index.store import LedgerEntry

    Progress = Callable[[int, int, str], None]
    Stop = Callable[[], bool]

__all__ = ["Engine", "Progress", "Run", "Stop", "Summary", "report_failure"]

_log = structlog.stdlib.get_logger(__name__)


class Engine(Protocol):
    """Prepares documents ahead of the writer; by default the threads of this process do."""

    @property
    def ahead(self) -> int:
        """Documents that are prepared while an earlier one is written."""

    async def prepare_file(
        self, file: SourceFile, entry: LedgerEntry | None, failure: Failure | None
    ) -> Ready | Unchanged:
        """Read, parse, chunk and embed a file, unless its bytes are what the index holds.

        Args:
            file: what was found.
            entry: what the index holds of it.
            failure: what is known of earlier attempts, if they count.

        Raises:
            AppError: the document cannot be prepared.
        """
        ...


@dataclass(slots=True)
class Summary:
    """The results of a run, in documents; they count up while the run goes on.

    `removed` were indexed and are no longer in their folder; `skipped` counts the files in a folder
    that were passed over, and `skipped_files` names them with the reasons; `chunks` were written in
    this run, in `seconds`. `incomplete` names the parts of documents written in this run that could
    not be read. `stopped` says why the index itself ended the run before its end; empty if it did
    not.
    A run is `complete` when another one, as things are, would do no more: not after an
    interruption, after a failure that may pass, or if a path that was given could not be read.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: int = 0
    skipped: int = 0
    chunks: int = 0
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    incomplete: dict[str, str] = field(default_factory=dict)
    skipped_files: tuple[SkippedFile, ...] = ()
    stopped: str = ""
    complete: bool = False

    @property
    def submitted(self) -> int:
        """Documents that were found: each is added, changed, unchanged or failed."""
        return self.added + self.changed + self.unchanged + self.failed


@dataclass(slots=True)
class Run:
    """Brings the index in step with the files that were found.

    Args:
        found: the files, and the folders that were read as a whole.
        writer: prepares documents and writes them.
        force: also try the documents that were given up.
        engine: prepares documents; by default the writer does.
    """

    found: Discovery
    writer: DocumentWriter
    force: bool = False
    engine: Engine | None = None
    summary: Summary = field(init=False, default_factory=Summary)
    _ledger: Mapping[str, LedgerEntry] = field(init=False)  # from before the run, as the failures
    _failures: Mapping[str, Failure] = field(init=False)

    async def ingest(self, progress: Progress | None, stop: Stop | None) -> Summary:
        """Ingest the files until `stop` says so, and return what was done.

        Raises:
            RetrievalError: the index cannot be read.
        """
        started = perf_counter()
        summary, total = self.summary, len(self.found.files)
        summary.skipped, summary.skipped_files = len(self.found.skipped), self.found.skipped
        self._ledger = await self.writer.index.ledger()
        self._failures = await self.writer.index.failures()
        _log.info("ingest_started", documents=total, skipped=summary.skipped)
        try:
            await self._ingest_files(progress, stop)
            await self._prune()
            if summary.submitted == total and all(
                one.source and one.kind is FailureKind.PERMANENT for one in summary.failures
            ):
                await self.writer.index.publish()
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

    async def _ingest_files(self, progress: Progress | None, stop: Stop | None) -> None:
        engine = self.engine or self.writer
        waiting = iter(self.found.files)
        window: deque[tuple[SourceFile, asyncio.Task[Ready | Unchanged]]] = deque()
        try:
            while not (stop and stop()):
                for file in islice(waiting, engine.ahead - len(window)):
                    failure = None if self.force else self._failures.get(file.document)
                    entry = self._ledger.get(file.document)
                    ready = engine.prepare_file(file, entry, failure)
                    window.append((file, asyncio.create_task(ready)))
                if progress:
                    document = window[0][0].document if window else ""
                    progress(self.summary.submitted, len(self.found.files), document)
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
            outcome = await self.writer.write(ready, entry)
            if isinstance(ready, Ready):
                self.summary.chunks += len(ready.chunks)
                if unread := ready.document.metadata.get("incomplete"):
                    self.summary.incomplete[file.document] = unread
            elif entry and (ready.source != entry.source or file.document in self._failures):
                await self.writer.index.adopt(file.document, ready.source)
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
        failure = _failure_of(file, error)
        self.summary.failures.append(failure)
        if isinstance(error, SkippedError):
            return  # what is recorded of it stays
        report_failure(file.document, failure.reason, error)
        if file.source:
            await self.writer.index.fail(failure)

    async def _prune(self) -> None:
        """Remove the documents that are gone from the folders of the run, and their failures.

        Each is looked up again, since an upload may have taken its id meanwhile.
        """
        folders = self.found.folders
        present = {file.document for file in self.found.files}
        for document, entry in self._ledger.items():
            if entry.source in folders and document not in present:
                current = await self.writer.index.entry(document)
                if current and current.source in folders:
                    await self.writer.index.remove(document)
                    self.summary.removed += 1
                    _log.debug("document_removed", document=document)
        for document, failure in self._failures.items():
            if failure.source in folders and document not in present:
                await self.writer.index.forget(document)

    def _count(self, outcome: Outcome) -> None:
        setattr(self.summary, outcome, getattr(self.summary, outcome) + 1)
        self.writer.metrics.count("ingest_documents_total", outcome=outcome)


def _failure_of(file: SourceFile, error: Exception) -> Failure:
    """Return how the error of a document is recorded; a defect is one as well."""
    if isinstance(error, IngestError):
        reason, passing = error.reason, error.passing
    elif isinstance(error, AppError):
        reason, passing = str(error), not isinstance(error, TokenLimitError)
    else:
        reason, passing = f"internal error, see the log: {type(error).__name__}: {error}", False
    return Failure(
        document=file.document,
        reason=reason,
        source=file.source,
        kind=FailureKind.PASSING if passing else FailureKind.PERMANENT,
        content_hash=error.content_hash if isinstance(error, ParseLimitError) else "",
    )


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
