"""The progress bar of `ingest`, on a terminal's stderr, and nothing anywhere else."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gwkit.terminal.output import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as Bars

__all__ = ["Bar", "progress_bar"]


class Bar:
    """Shows an ingestion's progress, as `app.ingestion.pipeline.Progress` asks for."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task = bars.add_task("", total=None, document="looking for documents")

    def start(self, total: int) -> None:
        """Begin with `total` documents to look at."""
        self._bars.update(self._task, total=total)

    def begin(self, document: str) -> None:
        """Show which document is in hand."""
        self._bars.update(self._task, document=visible(document))

    def advance(self) -> None:
        """One document is done."""
        self._bars.update(self._task, advance=1)

    def finish(self) -> None:
        """All documents are done."""
        self._bars.update(self._task, document="")


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Bar | None]:
    """Show a bar while the block runs, if it is to be shown and stderr is a terminal."""
    if not (shown and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[document]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield Bar(bars)
