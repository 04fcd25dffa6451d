"""Starting.

The time from the command to the first 200 of `/readyz`, with an existing index of the samples,
compared with an empty FastAPI application on uvicorn; the part of it that imports take; and the
memory of each process when it is ready. The bytecode is compiled, as the set-up leaves it.
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

        rounds, warm = bench.size(15, 1), bench.size(1, 0)
        starts = alternate(
            lambda: started("ours", folder),
            lambda: started("theirs", folder),
            rounds,
            warm=warm,
            told=lambda told: bench.say(f"starts, {told}"),
        )
    imports = alternate(
        lambda: seconds(lambda: run(python, "-c", _IMPORTS["ours"], cwd=service)),
        lambda: seconds(lambda: run(python, "-c", _IMPORTS["theirs"], cwd=service)),
        rounds,
        warm=warm,
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
            remedy="most of the time is imports: `python -X importtime -m app serve` shows those "
            "of an extension.",
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
        remedy="most of the memory is libraries, and each process loads them again: use one "
        "process as far as it goes.",
    )
