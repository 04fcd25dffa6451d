"""Pruning: what is gone from a folder leaves the index, and nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.ingestion.discovery import Discovery
    from gwkit.index.ports import Failure, IndexWriter, LedgerEntry

__all__ = ["prune"]

_log = structlog.stdlib.get_logger(__name__)


async def prune(
    index: IndexWriter,
    found: Discovery,
    ledger: Mapping[str, LedgerEntry],
    failures: Mapping[str, Failure],
) -> int:
    """Remove the documents that are gone from the folders found, and return how many.

    Their failures are forgotten too. `ledger` and `failures` are those from before the run, so
    each candidate is looked up again: an upload may have taken its id meanwhile.

    Raises:
        RetrievalError: the index cannot be read or written.
    """
    present = {file.document for file in found.files}
    removed = 0
    for document, entry in ledger.items():
        if entry.source not in found.folders or document in present:
            continue
        current = await index.entry(document)
        if current and current.source in found.folders:
            await index.remove(document)
            removed += 1
            _log.debug("document_removed", document=document)
    for document, failure in failures.items():
        if failure.source not in found.folders or document in present:
            continue
        await index.forget(document)
    return removed
