"""The samples: what a service without documents starts with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from app.services import Services

__all__ = ["ingest_samples"]

_log = structlog.stdlib.get_logger(__name__)


async def ingest_samples(services: Services) -> None:
    """Ingest `APP_SAMPLES_PATH` if the index is empty; a team may have removed the folder."""
    if await services.index.documents():
        return
    path = services.settings.samples_path
    summary = await services.pipeline.ingest([path])
    if not summary.added:
        _log.warning("no_samples", path=str(path))
