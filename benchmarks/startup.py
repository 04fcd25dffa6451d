"""Starting.

From the command to the first yes of `/readyz`, with an index of the samples that is there already,
beside a FastAPI application with nothing in it on uvicorn; what of it is imports; and the memory
that each process has when it is ready. The bytecode is compiled, as the set-up leaves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.findings import Aim, Findings, Line, compared
from benchmarks.measure import Pairs, alternate, seconds
from benchmarks.serving import free_port, serving
from benchmarks.workshop import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.workshop import Bench

__all__ = ["measure"]

_OTHER: Final = "bare FastAPI"
_IMPORTS: Final = {
    "ours": "import app.cli.server, app.api.application, gwkit.http.server, app.wiring",
    "theirs": "import fastapi, uvicorn",
}


def measure(bench: Bench) -> Findings:
    """Compare imports, starts, and memory."""
    service = bench.service()
    python = service / ".venv/bin/python"
    resident: dict[str, list[float]] = {"ours": [], "theirs": []}
    with bench.scratch() as folder:
        variables = {"APP_INDEX_PATH": str(folder / "index.sqlite"), "APP_LOG_FORMAT": "json"}
        run(python, "-m", "app", "ingest", "data/samples", cwd=service, variables=variables)

        def started(side: str, folder: Path) -> float:
            port = free_port()
            command = ("app", "serve") if side == "ours" else ("benchmarks.workers.bare_start",)
            with serving(
                *(python, "-m", *command),
                cwd=service if side == "ours" else ROOT,
                port=port,
                variables={**variables, "APP_PORT": str(port)},
                log=folder / f"{side}.log",
            ) as server:
                resident[side].append(server.resident_megabytes())
                return server.ready_seconds

        rounds = bench.size(15, 2)
        starts = alternate(
            lambda: started("ours", folder),
            lambda: started("theirs", folder),
            rounds,
            told=lambda told: bench.say(f"starts, {told}"),
        )
    imports = alternate(
        lambda: seconds(lambda: run(python, "-c", _IMPORTS["ours"], cwd=service)),
        lambda: seconds(lambda: run(python, "-c", _IMPORTS["theirs"], cwd=service)),
        rounds,
        told=lambda told: bench.say(f"imports, {told}"),
    )
    memory = Pairs(list(zip(resident["ours"], resident["theirs"], strict=True)))
    return Findings([*_times(starts, imports), _memory(memory)])


def _times(starts: Pairs, imports: Pairs) -> list[Line]:
    return [
        compared(
            "start to ready",
            starts,
            "s",
            other=_OTHER,
            aim=Aim("<", 1.5, of="ours"),
            remedy="most of it is imports: see what an extension imports, with `python -X "
            "importtime -m app serve`.",
        ),
        compared("interpreter and imports", imports, "s", other=_OTHER),
    ]


def _memory(memory: Pairs) -> Line:
    return compared(
        "resident when ready",
        memory,
        "MB",
        other=_OTHER,
        aim=Aim("<", 80, of="ours"),
        remedy="the libraries are most of it; each process of several has all of it again, so "
        "give one process the work of two before there are two.",
    )
