"""Shared by all commands: common options, settings, and how their work is run."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.config.settings import Settings
    from app.services import Services

__all__ = [
    "AsJson",
    "Verbose",
    "existing_path",
    "load",
    "run",
    "text_argument",
    "user_path",
]

AsJson = Annotated[
    bool, typer.Option("--json", help="Write one JSON document on stdout, errors as well.")
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Log on stderr as APP_LOG_LEVEL says, not warnings only."),
]

_INGESTION = "app.ingestion.run"

_Result = TypeVar("_Result")


def load(*, verbose: bool) -> Settings:
    """Read the settings and set up logging for a command that answers and ends.

    Such a command logs warnings and worse, unless `verbose` or an explicit `APP_LOG_LEVEL` asks
    for more: at INFO the log would bury the result. Without a log file, it logs no warning of
    ingestion either, for the result has every failure with its reason.

    Raises:
        ConfigError: the settings cannot work; it lists every problem.
    """
    from app.wiring import build_registry, load_settings
    from gwkit.logging.setup import configure_logging

    settings = load_settings(build_registry())
    quiet = not verbose and "log_level" not in settings.model_fields_set
    configure_logging(
        settings.model_copy(update={"log_level": "WARNING"}) if quiet else settings,
        levels={_INGESTION: "ERROR" if quiet and settings.log_file is None else "NOTSET"},
    )
    return settings


def run(
    settings: Settings, work: Callable[[Services], Awaitable[_Result]], *, rebuild: bool = False
) -> _Result:
    """Open the services, await `work` on them, close them, and return what it returned."""
    from app.wiring import open_services

    async def session() -> _Result:
        async with open_services(settings, rebuild=rebuild) as services:
            return await work(services)

    return asyncio.run(session())


def user_path(text: str) -> Path:
    """Return a path argument; `~` is expanded, which no shell does within quotes or an option.

    Raises:
        typer.BadParameter: there is no such home folder.
    """
    from app.config.paths import expand_user

    try:
        return expand_user(Path(text))
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


def existing_path(text: str) -> Path:
    """Return the path argument of something that is there.

    Raises:
        typer.BadParameter: it is not.
    """
    path = user_path(text)
    if not path.exists():
        raise typer.BadParameter(f"{path}: there is no such file or folder")
    return path


def text_argument(text: str) -> str:
    """Return a text argument; `-` stands for what comes on standard input.

    Raises:
        typer.BadParameter: the text is blank, or longer than a prompt may be.
    """
    from pydantic import TypeAdapter, ValidationError

    from gwkit.models.messages import Prompt

    if text == "-":
        text = sys.stdin.read()
    try:
        return TypeAdapter[str](Prompt).validate_python(text)
    except ValidationError as exc:
        problem = exc.errors(include_input=False, include_url=False)[0]["msg"]
        raise typer.BadParameter(problem, param_hint="TEXT") from exc
