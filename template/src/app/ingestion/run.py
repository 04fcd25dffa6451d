"""One run of ingestion: what it knows at its start, and what has come of it so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.exceptions import AppError, IngestError, ParseLimitError, TokenLimitError
from app.ingestion.summary import Outcome, Summary
from gwkit.index.ports import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.ingestion.discovery import Discovery, SourceFile
    from gwkit.index.ports import LedgerEntry

__all__ = ["Run", "failure_of"]


@dataclass(slots=True)
class Run:
    """A run over the files that were found.

    `ledger` and `failures` are the index's from before the run; a run that `insists` tries what
    was given up, too.
    """

    found: Discovery
    ledger: Mapping[str, LedgerEntry]
    failures: Mapping[str, Failure]
    insists: bool = False
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    failed: list[Failure] = field(default_factory=list)
    removed: int = 0
    chunks: int = 0
    incomplete: dict[str, str] = field(default_factory=dict)
    stopped: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether another run, as things are, would do no more.

        Not so after an interruption, after a failure that may pass, and where a path that was
        given could not be read at all.
        """
        return (
            not self.stopped
            and self.outcomes.total() == len(self.found.files)
            and all(one.source and one.kind is FailureKind.PERMANENT for one in self.failed)
        )

    def earlier_failure(self, document: str) -> Failure | None:
        """Return what is known of a document's earlier attempts, as far as they count."""
        return None if self.insists else self.failures.get(document)

    def summary(self, seconds: float) -> Summary:
        """Return what has come of the run, which took so many seconds."""
        return Summary(
            added=self.outcomes[Outcome.ADDED],
            changed=self.outcomes[Outcome.CHANGED],
            unchanged=self.outcomes[Outcome.UNCHANGED],
            removed=self.removed,
            failed=self.outcomes[Outcome.FAILED],
            skipped=len(self.found.skipped),
            skipped_files=self.found.skipped,
            chunks=self.chunks,
            seconds=seconds,
            failures=tuple(self.failed),
            incomplete=self.incomplete,
            stopped=self.stopped,
            complete=self.is_complete,
        )


def failure_of(file: SourceFile, error: Exception) -> Failure:
    """Return how the error of a document is recorded; a defect is one as well."""
    return Failure(
        document=file.document,
        reason=_reason(error),
        source=file.source,
        kind=FailureKind.PASSING if _may_pass(error) else FailureKind.PERMANENT,
        content_hash=error.content_hash if isinstance(error, ParseLimitError) else "",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, IngestError):
        return error.reason
    if isinstance(error, AppError):
        return str(error)
    return f"met a defect, which the log has: {type(error).__name__}: {error}"


def _may_pass(error: Exception) -> bool:
    """Say whether the document, as it is, may be ingested another time."""
    if isinstance(error, IngestError):
        return error.passing
    return isinstance(error, AppError) and not isinstance(error, TokenLimitError)
