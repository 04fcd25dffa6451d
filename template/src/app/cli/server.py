"""`serve`: the service over HTTP, from one process or several, until a signal stops it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.session import AsJson, load
from app.exceptions import ConfigError
from gwkit.terminal.output import Output

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from fastapi import FastAPI

    from app.config.settings import Settings
    from app.services import Services

    _OpenServices = Callable[[], AbstractAsyncContextManager[Services]]

__all__ = ["serve"]


_Host = Annotated[str | None, typer.Option("--host", help="Address; APP_HOST by default.")]
_Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65_535, help="Port; APP_PORT by default, 0 takes any."),
]
_WithSamples = Annotated[
    bool,
    typer.Option("--with-samples", help="First ingest APP_SAMPLES_PATH if the index is empty."),
]
_Workers = Annotated[
    int, typer.Option("--workers", min=1, max=256, help="Processes that answer, on one port.")
]


def serve(
    *,
    host: _Host = None,
    port: _Port = None,
    workers: _Workers = 1,
    with_samples: _WithSamples = False,
    as_json: AsJson = False,
) -> None:
    """Serve the HTTP API until SIGINT or SIGTERM.

    A stopping server takes no new requests, and lets running ones finish for
    as long as APP_SHUTDOWN_GRACE_SECONDS says. The log goes to stderr.

    With --workers, the processes share the index, rate limits, budgets and
    /metrics. One that dies is replaced; SIGHUP replaces all, one by one.

    Examples:
      python -m app serve
      python -m app serve --workers 4
      python -m app serve --with-samples --port 8080

    Exit codes: 0 stopped, 1 something failed, 2 settings or arguments, such
    as a port that is in use.
    """
    from app.ingestion.pipeline import ingest_samples
    from app.wiring import open_services
    from gwkit.http import server

    output = Output(as_json=as_json)
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = load(verbose=True).model_copy(update=given)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Services]:
        async with open_services(settings) as services:
            if with_samples:
                await ingest_samples(services.pipeline, settings.samples_path)
            output.result({"url": url}, lambda console: console.print(f"{url} (Ctrl-C stops it)"))
            yield services

    with server.listen(settings) as listener:
        host, port = listener.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        if workers > 1:
            _serve_from_workers(opened, settings, given, listener, workers)
        else:
            _serve_here(opened, settings, listener)


def _serve_here(opened: _OpenServices, settings: Settings, listener: socket.socket) -> None:
    from uvicorn.loops.auto import auto_loop_factory

    from app.api.application import build_app
    from app.wiring import build_registry
    from gwkit.http import server

    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(server.run(build_app(settings, build_registry(), opened), settings, listener))


def _serve_from_workers(
    opened: _OpenServices,
    settings: Settings,
    given: Mapping[str, object],
    listener: socket.socket,
    count: int,
) -> None:
    """Open the services once, so that an error is reported here, and then serve from workers.

    Raises:
        ConfigError: the workers would spoil each other's log file.
    """
    from app.api.application import build_app
    from app.wiring import build_registry
    from gwkit.http.workers import run_workers

    if settings.log_file is not None:
        raise ConfigError(
            "APP_LOG_FILE: several workers cannot rotate one file; remove it, and keep what they "
            "write to standard error"
        )
    build_app(settings, build_registry(), opened)  # routes that clash

    async def prepare() -> None:
        async with opened():
            pass

    asyncio.run(prepare())
    run_workers(partial(_make_worker, dict(given)), settings, listener, count)


def _make_worker(given: Mapping[str, object], folder: Path) -> FastAPI:
    from app.wiring import build_registry, create_app

    settings = load(verbose=True).model_copy(update=given)
    if settings.shared_limits is None:
        path = folder / "limits.sqlite"
        settings = settings.model_copy(update={"shared_limits": "sqlite", "limits_path": path})
    return create_app(settings, build_registry())
