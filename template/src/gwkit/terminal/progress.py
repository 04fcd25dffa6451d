"""The progress bar of `ingest`, on a terminal's stderr, and nothing anywhere else."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gwkit.terminal.output import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Callable[[int, int, str], None]]:
    """Show a bar while the block runs, if it is to be shown and stderr is a terminal.

    Call the yielded function with the number of documents done, their number, and the one in hand.
    """
    if not (shown and sys.stderr.isatty()):
        yield lambda _done, _total, _document: None
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
        task = bars.add_task("", total=None, document="looking for documents")

        def show(done: int, total: int, document: str) -> None:
            bars.update(task, completed=done, total=total, document=visible(document))

        yield show
