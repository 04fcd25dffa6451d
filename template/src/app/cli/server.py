"""`serve`: the service over HTTP, until it is told to stop."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.session import AsJson, load
from gwkit.terminal.output import Output

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.services import Services

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


def serve(
    *,
    host: _Host = None,
    port: _Port = None,
    with_samples: _WithSamples = False,
    as_json: AsJson = False,
) -> None:
    """Serve the HTTP API until SIGINT or SIGTERM.

    A stopping server takes no new requests, and lets running ones finish for
    as long as APP_SHUTDOWN_GRACE_SECONDS says. The log goes to stderr.

    Examples:
      python -m app serve
      python -m app serve --with-samples --port 8080

    Exit codes: 0 stopped, 1 something failed, 2 settings or arguments, such
    as a port that is in use.
    """
    from uvicorn.loops.auto import auto_loop_factory

    from app.api.application import build_app
    from app.ingestion.pipeline import ingest_samples
    from app.wiring import build_registry, open_services
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

    with (
        server.listen(settings) as listener,
        asyncio.Runner(loop_factory=auto_loop_factory()) as runner,
    ):
        host, port = listener.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        runner.run(server.run(build_app(settings, build_registry(), opened), settings, listener))
