"""`index`: the index as a whole, whichever store holds it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.session import AsJson, Verbose, load, run
from app.exceptions import ConfigError, IndexMismatchError
from gwkit.terminal.interruption import interruptible
from gwkit.terminal.output import Output, visible
from gwkit.terminal.progress import progress_bar

if TYPE_CHECKING:
    from rich.console import Console

    from app.config.settings import Settings
    from app.services import Services
    from gwkit.index.copying import CopySummary

__all__ = ["copy", "index"]

_MOST_SHOWN = 20

_To = Annotated[
    str, typer.Option("--to", metavar="STORE", help="The other store; `config` lists them.")
]
_Replace = Annotated[
    bool, typer.Option("--replace", help="Remove or replace what else the other store has.")
]

index = typer.Typer()
"""The group of commands."""


@index.callback()
def _root() -> None:
    """Copy the index to another store."""


@index.command()
def copy(
    *, to: _To, replace: _Replace = False, as_json: AsJson = False, verbose: Verbose = False
) -> int:
    """Copy documents, vectors and failures to another store.

    The source is the store in APP_VECTOR_STORE, and the settings of both have
    to be set. Nothing is parsed or embedded again. What both stores hold is
    compared at the end. An interrupted copy goes on with the same command.
    Then set APP_VECTOR_STORE to the other store, and restart the service.

    Examples:
      DATABASE_URL=postgresql://… python -m app index copy --to pgvector
      APP_VECTOR_STORE=pgvector python -m app index copy --to sqlite --replace

    Exit codes: 0 both are equal, 1 they are not, or a store failed,
    2 settings or arguments, 130 or 143 interrupted.

    Raises:
        typer.BadParameter: there is no such store, or it is the one in use.
    """
    from app.wiring import build_registry, manifest_of
    from gwkit.index.copying import IndexCopy

    settings, registry = load(verbose=verbose), build_registry()
    if to == settings.vector_store or registry.stores.get(to) is None:
        problem = registry.stores.problem(to, "STORE")
        reason = "is the store in use" if to == settings.vector_store else problem
        raise typer.BadParameter(f"{to}: {reason}", param_hint="--to")
    other = _with_store(settings, to)
    with interruptible() as interruption, progress_bar(shown=not as_json) as bar:

        async def work(services: Services) -> CopySummary:
            manifest = manifest_of(settings, services.embedder)
            opened = registry.stores.find(to, "--to")(other, manifest, rebuild=False)
            try:
                async with opened as target:
                    copying = IndexCopy(services.index, target, bar, interruption)
                    return await copying.run(overwrite=replace)
            except IndexMismatchError as exc:
                parts = (f"{name} {was!r}" for name, (was, _) in exc.differences.items())
                raise ConfigError(
                    f"--to {to}: there is an index with {', '.join(parts)}, unlike this one's; "
                    "delete it, or choose another place for the copy"
                ) from exc

        summary = run(settings, work)
    document = asdict(summary) | {
        "from": settings.vector_store,
        "to": to,
        "interrupted": interruption(),
    }

    def draw(console: Console) -> None:
        count = f"{summary.documents:,} documents with {summary.chunks:,} chunks"
        console.print(f"{count} are equal in {settings.vector_store} and {to}", style="bold")
        done = (f"{summary.copied:,} copied", f"{summary.removed:,} removed")
        console.print(f"{', '.join(done)}, in {summary.seconds:.1f} s")
        if summary.failures:
            console.print(f"documents that have failed: {summary.failures:,}")
        for name in summary.different[:_MOST_SHOWN]:
            console.print(f"different  {visible(name)}", style="red")

    output = Output(as_json=as_json)
    output.result(document, draw)
    if summary.complete:
        output.remark(f"To use the copy, set APP_VECTOR_STORE={to} and restart the service.")
    else:
        output.remark("The copy is not complete: run the same command again to go on.")
    return interruption.exit_code or int(not summary.complete)


def _with_store(settings: Settings, store: str) -> Settings:
    """Return the settings with another store.

    Raises:
        ConfigError: that store lacks some of its settings; it lists every problem.
    """
    from pydantic import ValidationError

    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    try:
        return type(settings).model_validate(given | {"vector_store": store})
    except ValidationError as exc:
        messages = (error["msg"].removeprefix("Value error, ") for error in exc.errors())
        raise ConfigError(*(line for text in messages for line in text.splitlines())) from exc
