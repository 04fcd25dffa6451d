"""`ingest`: brings files and folders into the index, and keeps the index in step with them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.session import AsJson, Verbose, load, run, user_path
from gwkit.telemetry.memory import measure
from gwkit.terminal.interruption import Interruption, interruptible
from gwkit.terminal.output import Output, visible
from gwkit.terminal.progress import progress_bar
from gwkit.text.escaping import escape_controls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from app.ingestion.summary import Summary
    from app.services import Services
    from gwkit.telemetry.memory import MemoryProfile
    from gwkit.telemetry.metrics import TimingSummary

__all__ = ["ingest", "show_run"]

_Paths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PATH", parser=user_path, help="Files and folders to ingest."),
]
_Source = Annotated[
    str | None,
    typer.Option("--source", help="Ingest a registered source; `config` lists them."),
]
_Rebuild = Annotated[
    bool,
    typer.Option("--rebuild", help="Rebuild the index; needed once its settings have changed."),
]
_Timings = Annotated[
    bool, typer.Option("--timings", help="Sum up how long documents and their steps took.")
]
_ProfileMemory = Annotated[
    bool,
    typer.Option("--profile-memory", help="Say how much memory Python objects took; slower."),
]
_MOST_SKIPPED = 20
_FIGURES = ("mean", "median", "p95", "max")
_OUTCOMES = ("added", "changed", "unchanged", "removed", "failed")


def ingest(
    paths: _Paths = None,
    *,
    source: _Source = None,
    rebuild: _Rebuild = False,
    timings: _Timings = False,
    profile_memory: _ProfileMemory = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> int:
    """Bring files and folders into the index.

    A document's id is its path within the folder that is given. One that has
    not changed costs one hash; one that is gone from the folder leaves the
    index; one that fails is named with the reason, stays in the index as it
    was, and is tried again the next time. Ctrl-C finishes the one in hand.

    With --rebuild the new index has these documents and what was uploaded. It
    takes the place of the old one at the end, if nothing failed that may work
    another time; else the old one stays, and the same command goes on.

    Examples:
      python -m app ingest docs/
      python -m app ingest handbook.pdf notes/ --json
      python -m app ingest docs/ --rebuild
      python -m app ingest docs/ --timings --profile-memory
      python -m app ingest --source wiki

    Exit codes: 0 done, 1 a document failed, 2 settings or arguments,
    130 or 143 interrupted.

    Raises:
        typer.BadParameter: there is neither a path nor a source, or both.
    """
    if bool(paths) is (source is not None):
        raise typer.BadParameter("name files and folders, or one --source", param_hint="PATH")
    from app.wiring import build_registry

    output = Output(as_json=as_json)
    settings = load(verbose=verbose)
    open_source = build_registry().sources.find(source, "--source") if source else None
    with interruptible() as interruption, progress_bar(shown=not as_json) as bar:

        async def work(services: Services) -> tuple[Summary, dict[str, TimingSummary]]:
            pipeline = services.pipeline
            if source is None or open_source is None:
                summary = await pipeline.ingest(paths or [], progress=bar, stop=interruption)
            else:
                async with open_source(source, settings) as opened:
                    summary = await pipeline.ingest_source(
                        source, opened, progress=bar, stop=interruption
                    )
            return summary, services.metrics.summary()

        with measure(enabled=profile_memory) as memory:
            summary, taken = run(settings, work, rebuild=rebuild)
    measured = memory if profile_memory else None
    code = show_run(output, summary, interruption, taken if timings else None, measured)
    if rebuild and not summary.complete:
        output.remark("The index is as it was: run the same command again to go on.")
    return code


def show_run(
    output: Output,
    summary: Summary,
    interruption: Interruption,
    timings: Mapping[str, TimingSummary] | None = None,
    memory: MemoryProfile | None = None,
) -> int:
    """Write what came of a run, and return the exit code that goes with it."""
    document = _as_json(summary) | {"interrupted": interruption()}
    if timings:
        document["timings"] = {name: asdict(taken) for name, taken in timings.items()}
    if memory:
        document["memory"] = asdict(memory)

    def draw(console: Console) -> None:
        _print_summary(console, summary, interruption)
        for name, taken in (timings or {}).items():
            figures = (f"{key} {getattr(taken, key):.3f}" for key in _FIGURES)
            console.print(f"{name}: {taken.count} times, {', '.join(figures)}")
        if memory:
            current, peak = (size / 1e6 for size in (memory.current_bytes, memory.peak_bytes))
            console.print(f"memory: {current:,.1f} MB at the end, {peak:,.1f} MB at most")

    output.result(document, draw)
    return interruption.exit_code or int(summary.failed > 0 or bool(summary.stopped))


def _as_json(summary: Summary) -> dict[str, object]:
    failures = [
        {"document": one.document, "kind": one.kind, "reason": one.reason}
        for one in summary.failures
    ]
    skipped = [one._asdict() for one in summary.skipped_files]
    return asdict(summary) | {"failures": failures, "skipped_files": skipped}


def _print_summary(console: Console, summary: Summary, interruption: Interruption) -> None:
    if interruption():
        console.print("Interrupted: what is counted here is done; ingest again for the rest.")
    console.print(", ".join(f"{getattr(summary, name)} {name}" for name in _OUTCOMES), style="bold")
    if summary.stopped:
        console.print(f"Stopped: {visible(summary.stopped)}", style="red")
    if not summary.submitted and not summary.removed:
        console.print("There was no document.")
    console.print(f"chunks written: {summary.chunks}, in {summary.seconds:.1f} s")
    if summary.skipped:
        console.print(f"files skipped: {summary.skipped}")
    for file, reason in summary.skipped_files[:_MOST_SKIPPED]:
        console.print(f"skipped  {escape_controls(file)}: {reason}")
    if summary.skipped > _MOST_SKIPPED:
        console.print(f"skipped  and {summary.skipped - _MOST_SKIPPED} more; --json names them all")
    for document, reason in summary.incomplete.items():
        console.print(f"partly  {escape_controls(document)}: {visible(reason)}", style="yellow")
    for failure in summary.failures:
        console.print(
            f"failed  {escape_controls(failure.document)}: {visible(failure.reason)}", style="red"
        )
