"""Prepares one document after another in a process of Ray, which has a pipeline of its own."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from app.exceptions import AppError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.ingestion.discovery import SourceFile
    from app.ingestion.pipeline import Pipeline
    from app.ingestion.preparation import Ready, Unchanged
    from app.registry import PreparerOpener
    from gwkit.index.store import Failure, LedgerEntry

__all__ = ["prepare_in_worker"]

_pipelines: list[tuple[asyncio.Runner, Pipeline]] = []
"""The pipeline of this process, once there is one."""

_open_parts = AsyncExitStack()
"""The parts of that pipeline; they stay open until Ray ends the process."""


def prepare_in_worker(
    made: tuple[PreparerOpener, Mapping[str, object]],
    file: SourceFile,
    entry: LedgerEntry | None,
    failure: Failure | None,
) -> Ready | Unchanged | AppError:
    """Parse and embed a file, and return what is to be written, or why it cannot be.

    Args:
        made: what opens a pipeline, and the settings of the process that writes.
        file: the file, at a path that is the same on every machine.
        entry: what the index holds of it.
        failure: what is known of earlier attempts, if they count.
    """
    if not _pipelines:
        opener, values = made
        runner = asyncio.Runner()
        opened = runner.run(_open_parts.enter_async_context(opener(values)))
        _pipelines.append((runner, opened))
    runner, pipeline = _pipelines[0]
    try:
        return runner.run(pipeline.prepare_file(file, entry, failure))
    except AppError as exc:
        return exc
