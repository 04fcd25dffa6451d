"""The command line as a whole: its commands, and what becomes of their errors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.configuration import config
from app.cli.evaluation import evaluate
from app.cli.failures import failed
from app.cli.feedback import feedback
from app.cli.ingestion import ingest
from app.cli.questions import ask, search
from app.cli.server import serve
from app.cli.stores import index
from app.exceptions import AppError, ConfigError, IndexMismatchError
from app.wiring import build_registry
from gwkit.terminal.output import Output, prepare_streams

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.registry import Registry

__all__ = ["build_cli", "main"]

_PROGRAM = "python -m app"
_FAILED = 1
_UNUSABLE = 2
_UNEXPECTED = "something went wrong here; the log on standard error says where"


def build_cli(registry: Registry) -> typer.Typer:
    """Return the command line: each command may return an exit code, and raises for an error.

    Args:
        registry: commands beside those of the service.

    Raises:
        ConfigError: one of them has the name of another.
    """
    cli = typer.Typer(
        callback=_root,
        invoke_without_command=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for command in (ingest, ask, search, serve, config):
        cli.command(command.__name__)(command)
    cli.command("eval")(evaluate)
    cli.add_typer(failed, name="failed")
    cli.add_typer(feedback, name="feedback")
    cli.add_typer(index, name="index")
    for name, part in registry.commands.parts.items():
        if isinstance(part, typer.Typer):
            cli.add_typer(part, name=name)
        else:
            cli.command(name)(part)
    return cli


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, with the arguments of the process by default, and return its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    prepare_streams()
    output = Output(as_json=_asks_for_json(arguments))
    try:
        cli = build_cli(build_registry())
        code = cli(args=arguments, prog_name=_PROGRAM, standalone_mode=False)
    except typer.TyperException as exc:
        output.error(exc.format_message(), kind="UsageError", code=exc.exit_code, hint=_hint(exc))
        return exc.exit_code
    except AppError as exc:
        code = _UNUSABLE if isinstance(exc, ConfigError | IndexMismatchError) else _FAILED
        output.error(_told(exc), kind=type(exc).__name__, code=code)
    except Exception as exc:  # noqa: BLE001 - the hook logs it, and the caller is told all the same
        sys.excepthook(type(exc), exc, exc.__traceback__)
        code = _FAILED
        output.error(_UNEXPECTED, kind="InternalError", code=code)
    return int(code or 0)


def _root(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Answer questions over your documents, with citations.

    Start with:
      python -m app ingest data/samples
      python -m app ask "How do I ...?"
      python -m app serve

    Settings are APP_... variables, in the environment or in `.env`; `config`
    shows them. Results go to stdout, errors and the log to stderr; with --json,
    stdout has one JSON document: the result, or the error.

    Exit codes:
      0    done
      1    something failed, such as a document, a model or a gate
      2    the settings or the arguments cannot work
      130  interrupted (143 when it was by SIGTERM)
    """
    if version:
        from app import __version__

        Output(as_json=False).text(__version__)
        context.exit()
    if context.invoked_subcommand is None:
        Output(as_json=False).text(context.get_help())
        context.exit(_UNUSABLE)


def _asks_for_json(arguments: list[str]) -> bool:
    """Errors of usage come before the options are parsed, and have to be told in JSON as well."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return "--json" in arguments[:end]


def _told(error: AppError) -> str:
    if isinstance(error, ConfigError) and len(error.problems) > 1:
        return "\n  ".join(("the settings cannot work:", *error.problems))
    return str(error)


def _hint(error: typer.TyperException) -> str:
    command = getattr(getattr(error, "ctx", None), "command_path", _PROGRAM)
    return f"run `{command} --help` for usage"
