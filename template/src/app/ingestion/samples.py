"""The samples: what a service without documents starts with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from pathlib import Path

    from app.ingestion.pipeline import Pipeline

__all__ = ["ingest_samples"]

_log = structlog.stdlib.get_logger(__name__)


async def ingest_samples(pipeline: Pipeline, path: Path) -> None:
    """Ingest the samples if the index is empty; a team may have removed the folder."""
    if not await pipeline.is_empty():
        return
    summary = await pipeline.ingest([path])
    if not summary.added:
        _log.warning("no_samples", path=str(path))
