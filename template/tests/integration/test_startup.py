"""Start-up: imported modules, and readiness."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog.testing

import app.ext
from app.ingestion.pipeline import ingest_samples
from app.wiring import open_services
from fixtures.command_line import DOCUMENTS, environment
from fixtures.serving import serving

if TYPE_CHECKING:
    from fixtures.configuration import MakeSettings


without_extensions = pytest.mark.skipif(
    any(pkgutil.iter_modules(app.ext.__path__)), reason="an extension may import what it likes"
)

_HEAVY = ("fastapi", "lxml", "numpy", "prometheus_client", "pypdf", "structlog", "uvicorn")


_PATIENCE_SECONDS = 30


def loaded_by(*commands: list[str], names: tuple[str, ...]) -> str:
    """Run commands in a fresh interpreter; return which of these modules are loaded."""
    script = (
        "import sys; from app.cli.commands import main;"
        f"codes = [main(arguments) for arguments in {commands!r}];"
        f"sys.exit(' '.join(name for name in {names!r} if name in sys.modules))"
    )
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", script],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        check=False,
    )
    return done.stderr.strip()


@without_extensions
def test_help_imports_nothing_heavy() -> None:
    """Help does not import the modules of the command."""
    assert "" == loaded_by(["--help"], ["ask", "--help"], ["--version"], names=_HEAVY)


@without_extensions
@pytest.mark.usefixtures("tmp_path")
def test_asking_imports_no_web_framework() -> None:
    """A command without a server does not import server modules."""
    told, _, loaded = loaded_by(["ask", "x"], names=("fastapi", "uvicorn")).partition("\n")

    assert "ingest" in told
    assert "" == loaded


_READY = """
import asyncio, sys
from app.cli import commands, server
from gwkit.http import server
from app.wiring import build_registry, create_app, settings_type
async def main():
    app = create_app(settings_type(build_registry())(index_path=sys.argv[1] + "/i.sqlite"))
    async with app.router.lifespan_context(app):
        while app.state.lifecycle.obstacle:
            await asyncio.sleep(0.01)
        print(*sorted({name.partition(".")[0] for name in sys.modules}))
asyncio.run(main())
"""


# Modules for parsers, vendors' models, terminals, checks or tests only. The library of the Model
# Context Protocol needs its HTTP client to serve.
_NOT_FOR_SERVING = frozenset(
    {
        *("anthropic", "genai_prices", "openai"),
        *(() if find_spec("app.options.mcp_api") else ("httpx2",)),
        *("lxml", "markdown_it", "pypdf"),
        *("blockbuster", "hypothesis", "mypy", "pytest", "schemathesis", "vcr"),
    }
)


@without_extensions
def test_a_service_is_ready_without_what_serving_does_not_need(tmp_path: Path) -> None:
    """Started with the defaults and warm, it has loaded no vendor, parser or tool."""
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", _READY, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        check=True,
    )

    loaded = set(done.stdout.splitlines()[-1].split())
    assert {"fastapi", "numpy", "uvicorn"} <= loaded
    assert not loaded & _NOT_FOR_SERVING


def ask(url: str, question: str) -> dict[str, Any]:
    """Ask the service a question."""
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{url}/v1/answer",
        json.dumps({"question": question}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 - loopback
        return dict(json.load(reply))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a signal")
def test_the_service_starts_answers_and_stops(tmp_path: Path) -> None:
    """With the samples in an empty index it becomes ready, answers, and stops on request."""
    with serving(tmp_path, "--with-samples", APP_SAMPLES_PATH=str(DOCUMENTS)) as served:
        answer = ask(served.url, "How long are backups kept?")
        served.process.terminate()
        code = served.process.wait(_PATIENCE_SECONDS)

    assert "guides/laptop.html" == answer["citations"][0]["document"]
    assert "ninety days" in answer["answer"]
    assert 0 == code


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
