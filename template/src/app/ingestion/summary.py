"""What came of an ingestion: for one document, and for a whole run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from app.exceptions import AppError, IngestError, ParseLimitError, TokenLimitError
from gwkit.index.store import Failure, FailureKind

if TYPE_CHECKING:
    from app.ingestion.discovery import SkippedFile, SourceFile

__all__ = ["Outcome", "Summary", "failure_of"]


class Outcome(StrEnum):
    """What came of one document."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(slots=True)
class Summary:
    """What came of a run, in documents; it counts up while the run goes on.

    `removed` were indexed and are no longer in their folder; `skipped` counts the files in a folder
    that were passed over, and `skipped_files` says which and why; `chunks` were written in this
    run, in `seconds`. `incomplete` says of documents written in this run what of them could not be
    read. `stopped` says why the index itself ended the run before its end; empty if it did not.
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

    def count(self, outcome: Outcome) -> None:
        """Count one more document."""
        setattr(self, outcome, getattr(self, outcome) + 1)


def failure_of(file: SourceFile, error: Exception) -> Failure:
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
