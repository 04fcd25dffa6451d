"""`ingest`: brings files and folders into the index, and keeps the index in step with them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.session import AsJson, Verbose, load, run, user_path
from gwkit.telemetry.profiling import measure
from gwkit.terminal.interruption import interruptible
from gwkit.terminal.output import Output, visible
from gwkit.terminal.progress import progress_bar
from gwkit.text.characters import escape_controls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rich.console import Console

    from app.config.settings import Settings
    from app.ingestion.run import Progress, Summary
    from app.services import Services
    from gwkit.telemetry.metrics import TimingSummary
    from gwkit.terminal.interruption import Interruption

__all__ = ["ingest", "run_and_report"]

_Paths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PATH", parser=user_path, help="Files and folders to ingest."),
]
_Source = Annotated[
    str | None,
    typer.Option("--source", help="Ingest a registered source; `config` lists them."),
]
_Engine = Annotated[
    str | None,
    typer.Option("--engine", help="Prepare documents by a registered engine; `config` lists them."),
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
    engine: _Engine = None,
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
        typer.BadParameter: there is neither a path nor a source, or both; or an engine goes with a
            source.
    """
    if bool(paths) is (source is not None):
        raise typer.BadParameter("name files and folders, or one --source", param_hint="PATH")
    if source is not None and engine is not None:
        problem = "an engine reads files and folders; ingest a --source without it"
        raise typer.BadParameter(problem, param_hint="--engine")
    from app.cli.preparing import open_preparer
    from app.wiring import build_registry

    settings, registry = load(verbose=verbose), build_registry()
    open_source = registry.sources.find(source, "--source") if source else None
    open_engine = registry.engines.find(engine, "--engine") if engine else None

    async def work(services: Services, progress: Progress, stop: Interruption) -> Summary:
        pipeline = services.pipeline
        if open_engine:
            async with open_engine(settings, open_preparer) as opened:
                return await pipeline.ingest(
                    paths or [], progress=progress, stop=stop, engine=opened
                )
        if source is None or open_source is None:
            return await pipeline.ingest(paths or [], progress=progress, stop=stop)
        async with open_source(source, settings) as opened:
            return await pipeline.ingest_source(source, opened, progress=progress, stop=stop)

    return run_and_report(
        settings,
        work,
        as_json=as_json,
        rebuild=rebuild,
        timings=timings,
        profile_memory=profile_memory,
    )


def run_and_report(
    settings: Settings,
    work: Callable[[Services, Progress, Interruption], Awaitable[Summary]],
    *,
    as_json: bool,
    rebuild: bool = False,
    timings: bool = False,
    profile_memory: bool = False,
) -> int:
    """Run a piece of ingestion, write what came of it, and return the exit code."""
    with (
        interruptible() as interruption,
        progress_bar(shown=not as_json) as bar,
        measure(enabled=profile_memory) as memory,
    ):

        async def timed(services: Services) -> tuple[Summary, dict[str, TimingSummary]]:
            return await work(services, bar, interruption), services.metrics.summary()

        summary, taken = run(settings, timed, rebuild=rebuild)
    document = _as_json(summary) | {"interrupted": interruption()}
    if timings:
        document["timings"] = {name: asdict(each) for name, each in taken.items()}
    if profile_memory:
        document["memory"] = asdict(memory)

    def draw(console: Console) -> None:
        _print_summary(console, summary, interruption)
        for name, each in taken.items() if timings else ():
            figures = (f"{key} {getattr(each, key):.3f}" for key in _FIGURES)
            console.print(f"{name}: {each.count} times, {', '.join(figures)}")
        if profile_memory:
            current, peak = (size / 1e6 for size in (memory.current_bytes, memory.peak_bytes))
            console.print(f"memory: {current:,.1f} MB at the end, {peak:,.1f} MB at most")

    output = Output(as_json=as_json)
    output.result(document, draw)
    if rebuild and not summary.complete:
        output.remark("The index is as it was: run the same command again to go on.")
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
    skipped: list[tuple[str, str]] = [*summary.skipped_files[:_MOST_SKIPPED]]
    if summary.skipped > _MOST_SKIPPED:
        skipped.append((f"and {summary.skipped - _MOST_SKIPPED} more", "--json names them all"))
    failed = [(failure.document, failure.reason) for failure in summary.failures]
    for outcome, style, documents in (
        ("skipped", "", skipped),
        ("partly", "yellow", summary.incomplete.items()),
        ("failed", "red", failed),
    ):
        for name, reason in documents:
            console.print(f"{outcome}  {escape_controls(name)}: {visible(reason)}", style=style)
