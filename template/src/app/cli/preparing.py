"""The pipeline of a process that prepares documents for `ingest --engine`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from app.ingestion.pipeline import Pipeline

__all__ = ["open_preparer"]


@asynccontextmanager
async def open_preparer(values: Mapping[str, object]) -> AsyncIterator[Pipeline]:
    """Open a pipeline that prepares documents; it writes none, and its index is empty.

    Args:
        values: the settings of the process that writes, by field.
    """
    from app.wiring import build_registry, open_services, settings_type
    from gwkit.logging.setup import configure_logging
    from gwkit.seams import Seam

    registry = build_registry()
    registry.lifespans = Seam("lifespan")  # those live in the process that writes
    with TemporaryDirectory(prefix="preparing-") as folder:
        unwritten = {"vector_store": "sqlite", "index_path": Path(folder, "index.sqlite")}
        settings = settings_type(registry).model_validate({**values, **unwritten})
        configure_logging(settings)
        async with open_services(settings, registry) as services:
            yield services.pipeline
