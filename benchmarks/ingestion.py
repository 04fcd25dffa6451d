"""Ingestion.

`python -m app ingest` over a folder of pages into a new index, and then again without any change.
The times are those that the command reports, without the start of the interpreter. Each page is
read, parsed, cleaned, split, and written with its full-text index in one transaction. The peak is
that of the largest process. Then 100,000 synthetic chunks are split, embedded and written in the
same way, without parsing, and the peak memory is compared with that of a tenth of the chunks,
each in a new process.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.findings import Aim, Findings, Line, Plot, compared
from benchmarks.measure import Pairs
from benchmarks.workshop import BenchError, plain_environment, run

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.workshop import Bench

__all__ = ["measure"]

_PAGES: Final = 1_000
_FASTER_AGAIN: Final = 50


@dataclass(frozen=True, slots=True)
class _Run:
    chunks: int
    seconds: float
    peak_megabytes: float
    documents: int = 0
    failed: int = 0


def measure(bench: Bench) -> Findings:
    """Measure a folder, the same again, and many synthetic chunks."""
    pages, remarks = _pages(bench)
    synthetic, plot = _synthetic(bench)
    return Findings([*pages, *synthetic], [plot], remarks)


def _pages(bench: Bench) -> tuple[list[Line], list[str]]:
    service, folder = bench.service(), bench.documents(bench.size(_PAGES, 20))
    firsts, agains = [], []
    rounds = bench.size(5, 1)
    for number in range(rounds):
        with bench.scratch() as scratch:
            bench.say(f"ingesting, round {number + 1} of {rounds}")
            firsts.append(_ingested(service, folder, scratch))
            agains.append(_ingested(service, folder, scratch))
    if any(run.chunks for run in agains) or not firsts[0].chunks:
        raise BenchError(f"{folder} is not a folder of unchanging documents")
    megabytes = _megabytes(service, folder)
    documents, chunks = firsts[0].documents, firsts[0].chunks
    seconds = median(run.seconds for run in firsts)
    what = f"{documents:,} pages, {megabytes:.2g} MB"
    pairs = Pairs(
        [(again.seconds, first.seconds) for again, first in zip(agains, firsts, strict=True)]
    )
    failed = firsts[0].failed
    remarks = [f"{failed} of the documents could not be ingested."] if failed else []
    lines = [
        Line(what, documents / seconds, "documents/s"),
        Line(
            what,
            chunks / seconds,
            "chunks/s",
            remedy="most of the time is parsing and embedding. A model's embeddings take longer "
            "than everything else; they are stored, so no text is paid for twice.",
        ),
        Line(what, megabytes / seconds, "MB/s"),
        Line(f"{what}: peak", median(run.peak_megabytes for run in firsts), "MB"),
        compared(
            "the same again, unchanged",
            pairs,
            "ms",
            scale=1_000,
            other="the first time",
            aim=Aim("<=", 1 / _FASTER_AGAIN),
            remedy="every file is read and hashed, because modification times are not reliable: "
            "name only the folders that may have changed.",
        ),
    ]
    return lines, remarks


def _megabytes(service: Path, folder: Path) -> float:
    """Return the size of the ingestible files of a folder."""
    listed = "from app.ingestion.loaders import LoaderRegistry; print(*LoaderRegistry().suffixes)"
    suffixes = run(service / ".venv/bin/python", "-c", listed, cwd=service).split()
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def _ingested(service: Path, folder: Path, scratch: Path) -> _Run:
    """Run the command; return its summary and its peak memory.

    Raises:
        BenchError: it failed.
    """
    log = scratch / "ingest.log"
    with log.open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            [service / ".venv/bin/python", "-m", "app", "ingest", str(folder), "--json"],
            cwd=service,
            env={**plain_environment(), "APP_INDEX_PATH": str(scratch / "index.sqlite")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        assert process.stdout is not None
        said = process.stdout.read()
        process.stdout.close()
        # The largest of the process and its children.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1}:  # 1: some of the documents failed
        told = log.read_text(encoding="utf-8")[-2_000:]
        raise BenchError(f"ingestion exited {process.returncode}:\n{said}\n{told}")
    summary = json.loads(said)
    return _Run(
        summary["chunks"],
        summary["seconds"],
        usage.ru_maxrss / 1024,
        documents=summary["added"] + summary["unchanged"],
        failed=summary["failed"],
    )


def _synthetic(bench: Bench) -> tuple[list[Line], Plot]:
    most = bench.size(100_000, 2_000)
    sizes = [most // 10, most // 2, most]
    runs = []
    for texts in sizes:
        with (
            bench.scratch() as scratch,
            bench.worker(bench.service() / ".venv/bin/python", "ingesting") as worker,
        ):
            bench.say(f"{texts:,} synthetic chunks")
            got = worker.ask("write", index=str(scratch / "index.sqlite"), chunks=texts)
            assert isinstance(got, dict)
            runs.append(_Run(got["chunks"], got["seconds"], got["peak_megabytes"]))
    small, _, large = runs
    lines = [
        Line(
            f"{large.chunks:,} synthetic chunks, after parsing",
            large.chunks / large.seconds,
            "chunks/s",
            aim=Aim(">=", 5_000, of="ours"),
            remedy="SQLite's full-text index takes most of the time, then making terms. "
            "With a provider's embeddings, the provider does.",
        ),
        Line(
            f"{large.chunks:,} synthetic chunks: peak",
            large.peak_megabytes,
            "MB",
            theirs=small.peak_megabytes,
            other=f"{small.chunks:,} chunks",
            ratio=large.peak_megabytes / small.peak_megabytes,
            aim=Aim("<=", 1.1),
            remedy="four whole documents with their vectors are in memory at a time: split very "
            "long ones.",
        ),
    ]
    plot = Plot(
        "ingestion-memory",
        "Peak memory of ingestion",
        "chunks",
        "MB",
        {"the service": [(float(run.chunks), run.peak_megabytes) for run in runs]},
    )
    return lines, plot
