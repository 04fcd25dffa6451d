"""What came of an ingestion: for one document, and for a whole run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.ingestion.discovery import Skipped
    from gwkit.index.ports import Failure

__all__ = ["Outcome", "Summary"]


class Outcome(StrEnum):
    """What came of one document."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a run, in documents.

    `removed` were indexed and are no longer in their folder; `skipped` counts the files in a folder
    that were passed over, and `skipped_files` says which and why; `chunks` were written in this
    run, in `seconds`. `incomplete` says of documents written in this run what of them could not be
    read. `stopped` says why the index itself ended the run before its end; empty where it did not.
    A run is `complete` when another one, as things are, would do no more.
    """

    added: int
    changed: int
    unchanged: int
    removed: int
    failed: int
    skipped: int
    chunks: int
    seconds: float
    failures: tuple[Failure, ...] = ()
    incomplete: Mapping[str, str] = field(default_factory=dict)
    skipped_files: tuple[Skipped, ...] = ()
    stopped: str = ""
    complete: bool = True

    @property
    def submitted(self) -> int:
        """Documents that were found: each is added, changed, unchanged or failed."""
        return self.added + self.changed + self.unchanged + self.failed
