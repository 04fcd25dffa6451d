"""Ingestion by Ray.

`python -m app ingest` of small pages of Markdown into a new index, by the service itself and with
`--engine ray`, which starts Ray on this machine and stops it at the end. The times are those of
the whole command. A few pages show what a start costs. 10,000 pages show what each document costs
beyond that: Ray hands it to a process and takes it back. Both sides parse with all processors, and
one process writes, so that one machine shows what Ray costs, and nothing of what it gives: more
machines.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Final

from benchmarks.findings import Findings, compared
from benchmarks.measure import alternate, seconds
from benchmarks.pages import write_pages
from benchmarks.workshop import ROOT, BenchError, run

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.workshop import Bench

__all__ = ["measure"]

_ANSWERS: Final = {"ingestion_engines": ["ray"]}
_FEW: Final = 20
_PAGES: Final = 10_000


def measure(bench: Bench) -> Findings:
    """Measure both ways to ingest, with few pages and with many."""
    service = bench.service(_ANSWERS)
    many = bench.size(_PAGES, 2 * _FEW)
    lines, measured = [], []
    with bench.scratch() as scratch:
        for count, rounds in ((_FEW, bench.size(5, 1)), (many, 1)):
            folder = scratch / "pages"
            shutil.rmtree(folder, ignore_errors=True)
            samples = ROOT / "template/data/samples"
            write_pages(folder, count, samples=samples, sections=1)

            def with_ray() -> float:
                return _ingested(service, scratch, "--engine", "ray")

            def without() -> float:
                return _ingested(service, scratch)

            pairs = alternate(with_ray, without, rounds, warm=0, told=bench.say)
            lines.append(compared(f"{count:,} pages", pairs, "s", other="without Ray"))
            measured.append(pairs)
    few, all_of_them = measured
    more = many - _FEW
    remark = (
        f"Ray takes {few.added:.1f} s longer to start. Each further document takes "
        f"{(all_of_them.ours - few.ours) / more * 1_000:.1f} ms with it, and "
        f"{(all_of_them.theirs - few.theirs) / more * 1_000:.1f} ms without."
    )
    return Findings(lines, [], [remark])


def _ingested(service: Path, scratch: Path, *engine: str) -> float:
    """Ingest the pages into a new index; return the seconds of the command.

    Raises:
        BenchError: a document is missing.
    """
    index = scratch / "index"
    shutil.rmtree(index, ignore_errors=True)
    python, pages = service / ".venv/bin/python", scratch / "pages"
    variables = {"APP_INDEX_PATH": str(index / "index.sqlite"), "APP_LOG_LEVEL": "ERROR"}
    told: list[str] = []

    def work() -> None:
        command = ("-m", "app", "ingest", str(pages), "--json", *engine)
        told.append(run(python, *command, cwd=service, variables=variables))

    took = seconds(work)
    summary = json.loads(told[0][told[0].index("{") :])
    expected = sum(1 for _ in pages.rglob("*.md"))
    if summary["added"] != expected:
        raise BenchError(f"{summary['added']} of {expected} pages were ingested")
    return took
