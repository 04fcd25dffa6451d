"""Start-up: imported modules, and samples."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog.testing

import app.ext
from app.ingestion.pipeline import ingest_samples
from app.wiring import open_services
from fixtures.command_line import DOCUMENTS, environment

if TYPE_CHECKING:
    from fixtures.configuration import MakeSettings


_HEAVY = {"fastapi", "lxml", "numpy", "prometheus_client", "pypdf", "structlog", "uvicorn"}
# Modules for parsers, vendors' models, terminals, checks or tests only. The library of the Model
# Context Protocol needs its HTTP client to serve.
_NOT_FOR_SERVING = {
    *("anthropic", "genai_prices", "openai"),
    *(() if find_spec("app.options.mcp_api") else ("httpx2",)),
    *("lxml", "markdown_it", "pypdf"),
    *("blockbuster", "hypothesis", "mypy", "pytest", "schemathesis", "vcr"),
}
_HELP = """
import sys
from app.cli.commands import main
for arguments in (["--help"], ["ask", "--help"], ["--version"]):
    main(arguments)
print(*sys.modules)
"""
_ASK_AND_SERVE = """
import asyncio, sys
from app.cli.commands import main
main(["ask", "x"])
print(*sys.modules)

from app.cli import server
from gwkit.http import server
from app.wiring import build_registry, create_app, settings_type
async def serve():
    app = create_app(settings_type(build_registry())())
    async with app.router.lifespan_context(app):
        while app.state.lifecycle.obstacle:
            await asyncio.sleep(0.01)
asyncio.run(serve())
print(*{name.partition(".")[0] for name in sys.modules})
"""


@pytest.mark.skipif(
    any(pkgutil.iter_modules(app.ext.__path__)), reason="an extension may import what it likes"
)
@pytest.mark.usefixtures("tmp_path")
def test_each_step_loads_only_what_it_needs() -> None:
    """Help loads no command, asking no server, and a server that is warm no parser or tool."""
    told = [
        subprocess.run(  # noqa: S603 - this interpreter
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            env=environment(),
            check=True,
        )
        for script in (_HELP, _ASK_AND_SERVE)
    ]

    *_, helped = told[0].stdout.splitlines()
    *_, asked, served = told[1].stdout.splitlines()
    assert set() == _HEAVY & set(helped.split())
    assert "ingest" in told[1].stderr, "it was asked"
    assert set() == {"fastapi", "uvicorn"} & set(asked.split())
    assert set() == _NOT_FOR_SERVING & set(served.split())
    assert {"fastapi", "numpy", "uvicorn"} <= set(served.split())


async def test_samples_are_for_an_empty_index(make_settings: MakeSettings) -> None:
    """An index with documents is unchanged."""
    async with open_services(make_settings(samples_path=DOCUMENTS)) as services:
        await services.pipeline.ingest([DOCUMENTS / "guides"])
        before = await services.index.ledger()

        await ingest_samples(services.pipeline, services.settings.samples_path)

        assert before == await services.index.ledger()


async def test_a_service_without_samples_starts_all_the_same(make_settings: MakeSettings) -> None:
    """A missing folder of samples is reported, and the service starts."""
    async with open_services(make_settings(samples_path=Path("nowhere"))) as services:
        with structlog.testing.capture_logs() as events:
            await ingest_samples(services.pipeline, services.settings.samples_path)

    assert "no_samples" in [event["event"] for event in events]
