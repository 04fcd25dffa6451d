"""`config`: the current settings, and which of them were set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.session import AsJson, load
from gwkit.terminal.output import Output, visible

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rich.console import Console

__all__ = ["config"]


def config(*, as_json: AsJson = False) -> None:
    """Show the current settings, by variable, and the parts to choose from.

    The environment goes before `.env`, and `.env` before the defaults. A star
    marks what is set in one of them. Secrets are masked. After the settings
    come the parts that the service, its options and its extensions register,
    each with the module that it is from.

    Examples:
      python -m app config
      APP_TOP_K=3 python -m app config --json

    Exit codes: 0 shown, 2 the settings cannot work; all problems are listed.
    """
    from app.wiring import build_registry
    from gwkit.settings.description import masked_settings, variable_name

    output = Output(as_json=as_json)
    settings = load(verbose=False)
    values = masked_settings(settings)
    given = {variable_name(type(settings), name) for name in settings.model_fields_set}
    parts = {name: seam.origins for name, seam in build_registry().seams() if seam.origins}

    def show(console: Console) -> None:
        _print_settings(console, values, given)
        _print_parts(console, parts)

    output.result({**values, "parts": parts}, show)


def _print_settings(console: Console, values: Mapping[str, object], given: Collection[str]) -> None:
    from rich.text import Text

    width = max(map(len, values))
    for variable, value in values.items():
        shown = visible(_written(value))
        star = "*" if variable in given else " "
        line = Text(f"{star} {variable:<{width}}  {shown}", style="bold" if star == "*" else "")
        console.print(line, soft_wrap=True)


def _print_parts(console: Console, parts: Mapping[str, Mapping[str, str]]) -> None:
    for kind, origins in parts.items():
        console.print(f"\n{kind.replace('_', ' ')}", style="bold")
        width = max(map(len, origins))
        for name, origin in sorted(origins.items()):
            console.print(f"  {name:<{width}}  {origin}", soft_wrap=True, highlight=False)


def _written(value: object) -> str:
    """Return the value as one would write it in the environment."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
