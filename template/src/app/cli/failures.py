"""`failed`: the documents that could not be ingested, why, and what becomes of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.ingestion import run_and_report
from app.cli.session import AsJson, Verbose, load, run
from gwkit.terminal.output import Output, visible
from gwkit.text.characters import escape_controls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from app.ingestion.run import Progress, Summary
    from app.services import Services
    from gwkit.index.store import Failure
    from gwkit.terminal.interruption import Interruption

__all__ = ["drop", "failed", "list_failures", "retry", "why"]

_Document = Annotated[str, typer.Argument(metavar="ID", help="The document's id.")]
_Documents = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="The documents' ids.")
]
_NAMES = {
    "document": "document",
    "source": "folder",
    "reason": "reason",
    "kind": "kind",
    "attempts": "attempts",
    "first_failed_at": "first",
    "failed_at": "last",
    "indexed_at": "indexed",
}
_All = Annotated[bool, typer.Option("--all", help="Every document that has failed.")]


failed = typer.Typer()
"""The group of commands."""


@failed.callback()
def _root() -> None:
    """List, explain, retry and drop documents that could not be ingested.

    A permanent failure would come again with the same bytes: mend the document.
    A passing one, such as a model that was away, may be over by itself. Every
    ingestion of its folder tries a document again, but for one that exceeded a
    limit of parsing three times: that waits until it changes, or for `retry`.
    """


@failed.command("list")
def list_failures(*, as_json: AsJson = False, verbose: Verbose = False) -> None:
    """List the documents that have failed.

    Examples:
      python -m app failed list
      python -m app failed list --json

    Exit codes: 0 done, also where there are some, 2 settings or arguments.
    """
    failures = run(load(verbose=verbose), lambda services: services.pipeline.find_failures())
    Output(as_json=as_json).result(
        {"failures": [_as_json(failure) for failure in failures]},
        lambda console: _print_list(console, failures),
    )


@failed.command()
def why(document: _Document, *, as_json: AsJson = False, verbose: Verbose = False) -> None:
    """Tell all that is known of one failure, or what of a document could not be read.

    Examples:
      python -m app failed why reports/2024.pdf

    Exit codes: 0 done, 1 it has not failed, 2 settings or arguments.
    """

    async def work(services: Services) -> dict[str, object]:
        entry = await services.index.entry(document)
        if entry and entry.incomplete and document not in await services.index.failures():
            return {
                "document": document,
                "source": entry.source,
                "reason": entry.incomplete,
                "kind": "incomplete",
                "indexed_at": entry.indexed_at,
            }
        return _as_json(*await services.pipeline.find_failures([document]))

    told = run(load(verbose=verbose), work)
    Output(as_json=as_json).result(told, lambda console: _print_failure(console, told))


@failed.command()
def retry(
    documents: _Documents = None,
    *,
    every: _All = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> int:
    """Ingest documents that have failed again, also those that were given up.

    Examples:
      python -m app failed retry reports/2024.pdf
      python -m app failed retry --all

    Exit codes: 0 done, 1 one of them has failed again, 2 settings or arguments,
    130 or 143 interrupted.
    """
    _check_choice(documents, every=every)

    async def work(services: Services, progress: Progress, stop: Interruption) -> Summary:
        return await services.pipeline.retry(documents or None, progress=progress, stop=stop)

    return run_and_report(load(verbose=verbose), work, as_json=as_json)


@failed.command()
def drop(
    documents: _Documents = None,
    *,
    every: _All = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Forget that documents have failed; what the index has of them stays.

    One whose file is still there fails again at its next ingestion.

    Examples:
      python -m app failed drop reports/2024.pdf
      python -m app failed drop --all

    Exit codes: 0 done, 1 one of them has not failed, 2 settings or arguments.
    """
    _check_choice(documents, every=every)

    async def work(services: Services) -> list[str]:
        chosen = await services.pipeline.find_failures(documents or None)
        return [one.document for one in chosen if await services.index.forget(one.document)]

    dropped = run(load(verbose=verbose), work)
    Output(as_json=as_json).result(
        {"dropped": dropped}, lambda console: console.print(f"{len(dropped)} dropped")
    )


def _check_choice(documents: Sequence[str] | None, *, every: bool) -> None:
    if bool(documents) == every:
        raise typer.BadParameter("give the ids of documents, or --all", param_hint="ID")


def _as_json(failure: Failure) -> dict[str, object]:
    document = asdict(failure)
    del document["content_hash"]
    return document


def _print_list(console: Console, failures: Sequence[Failure]) -> None:
    if not failures:
        console.print("No document has failed.")
    for failure in failures:
        times = f"{failure.attempts} attempt{'s' if failure.attempts > 1 else ''}"
        console.print(f"{escape_controls(failure.document)}  {failure.kind}, {times}", style="bold")
        console.print(f"  {visible(failure.reason)}")


def _print_failure(console: Console, told: Mapping[str, object]) -> None:
    for key, name in _NAMES.items():
        if key in told:
            escaped = visible if key == "reason" else escape_controls
            console.print(f"{name:<9} {escaped(str(told[key]))}", soft_wrap=True)
