"""Orchestration.

The same service with `APP_ORCHESTRATION=langgraph` and with `native`, over an index of the samples.
Both sides answer questions of the golden set in one process, with the offline model, which answers
at once: so the difference is what LangGraph adds to an answer of any model, and the ratio is the
worst case. Start and memory are those of `python -m app serve` until `/readyz` returns 200, with
compiled bytecode. The packages are those that each set-up installs, with those of development.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from benchmarks.findings import Findings, Line, compared
from benchmarks.measure import Pairs, alternate
from benchmarks.serving import free_port, serving
from benchmarks.workshop import run

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.workshop import Bench, Worker

__all__ = ["measure"]

_ANSWERS: Final = {"orchestration": "langgraph"}
_SIDES: Final = ("langgraph", "native")


def measure(bench: Bench) -> Findings:
    """Compare answers, starts, memory and packages."""
    alone = _packages(bench.service() / ".venv")
    service = bench.service(_ANSWERS)
    python = service / ".venv/bin/python"
    with bench.scratch() as folder:
        variables = {"APP_INDEX_PATH": str(folder / "index.sqlite"), "APP_LOG_FORMAT": "json"}
        run(python, "-m", "app", "ingest", "data/samples", cwd=service, variables=variables)
        answers = _answers(bench, service, folder / "index.sqlite")
        starts = _starts(bench, service, folder, variables)
    both = _packages(service / ".venv")
    packages = [
        _line(what, unit, ours, theirs)
        for (what, unit), ours, theirs in zip(
            (("packages of the set-up", "packages"), ("size of the set-up", "MB")),
            both,
            alone,
            strict=True,
        )
    ]
    return Findings([*answers, *starts, *packages])


def _answers(bench: Bench, service: Path, index: Path) -> list[Line]:
    golden = (service / "evals/golden.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in golden][: bench.size(5, 3)]
    with bench.worker(service / ".venv/bin/python", "answering") as worker:
        worker.ask("open", index=str(index), orchestrations=list(_SIDES), questions=questions)
        return [
            _answer(bench, worker, "answer", "an answer"),
            _answer(bench, worker, "stream", "a streamed answer"),
        ]


def _answer(bench: Bench, worker: Worker, command: str, what: str) -> Line:
    pairs = alternate(
        lambda: worker.figure(command, orchestration="langgraph"),
        lambda: worker.figure(command, orchestration="native"),
        bench.size(120, 1),
        warm=bench.size(2, 0),
        told=lambda told: bench.say(f"{what}, {told}"),
    )
    return compared(what, pairs, "ms", scale=1e3, other="native")


def _starts(bench: Bench, service: Path, folder: Path, variables: dict[str, str]) -> list[Line]:
    resident: dict[str, list[float]] = {side: [] for side in _SIDES}

    def started(side: str) -> float:
        port = free_port()
        with serving(
            *(service / ".venv/bin/python", "-m", "app", "serve"),
            cwd=service,
            port=port,
            variables={**variables, "APP_PORT": str(port), "APP_ORCHESTRATION": side},
            log=folder / f"{side}.log",
        ) as server:
            resident[side].append(server.resident_megabytes())
            return server.ready_seconds

    starts = alternate(
        lambda: started("langgraph"),
        lambda: started("native"),
        bench.size(10, 1),
        warm=bench.size(1, 0),
        told=lambda told: bench.say(f"starts, {told}"),
    )
    memory = Pairs(list(zip(*resident.values(), strict=True)))
    return [
        compared("start to ready", starts, "s", other="native"),
        compared("resident when ready", memory, "MB", other="native"),
    ]


def _packages(environment: Path) -> tuple[float, float]:
    """Return how many packages an environment has, and their size in MB."""
    (folder,) = environment.glob("lib/python*/site-packages")
    installed = len(list(folder.glob("*.dist-info")))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return float(installed), size / 1e6


def _line(what: str, unit: str, ours: float, theirs: float) -> Line:
    return Line(what, ours, unit, theirs=theirs, other="native", ratio=ours / theirs)
