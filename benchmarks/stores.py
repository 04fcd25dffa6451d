"""Stores.

The same synthetic chunks with vectors of 384 dimensions in each store that the template has, on one
machine, and the same questions by turns: eight hits each with their texts, one question after the
other. SQLite is the embedded default. PostgreSQL with pgvector is a real server from a Python
package, with its default settings, on the same processors. Qdrant is in the *local mode* of its
client, which compares every vector and every word in Python: it is for development, and says
nothing about a Qdrant server, which has indexes. It takes part up to 3,000 chunks: each of its
writes looks at every point. Pinecone is a service elsewhere and is not measured.

Each document has 20 chunks and is one write, as in an ingestion; pgvector updates its index (HNSW)
with each of them. Recall is the share of the eight truly nearest chunks that a search by vectors
finds. SQLite compares every vector: it finds all, and its time and memory grow with their number.
Vectors of short questions are far from all chunks, which is hard for an approximate index. *The
next search after a write* is the first one after a document was replaced: SQLite copies its vectors
in memory. *Opening* lasts until the first search has its hits: SQLite reads every vector.

The index grows from size to size. Above the size at which they are compared, SQLite goes on alone,
as far as it has been tried. `make bench ARGS="stores --chunks N"` compares up to other sizes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from benchmarks.findings import Findings, Line, Plot
from benchmarks.measure import percentile

if TYPE_CHECKING:
    from benchmarks.workshop import Bench, Worker

__all__ = ["measure"]

_ANSWERS: Final = {"vector_stores": ["pgvector", "qdrant"]}
_NAMES: Final = {"pgvector": "pgvector", "qdrant": "Qdrant, local mode"}
_SIZES: Final = (3_000, 10_000, 30_000, 100_000)
_QUICK_SIZES: Final = (100, 200)
_ALONE: Final = (3, 10)
"""How many times larger than the others the SQLite file gets."""

_LOCAL_MODE: Final = 3_000
"""Chunks up to which Qdrant's local mode takes part."""

_STEP: Final = 2_000
"""Chunks of one command."""

_ROUNDS: Final = 10
_BATCH: Final = 10
"""Questions of a turn."""

_Figures = dict[str, float]
"""A figure of each store."""

_Found = tuple[str, str, _Figures]
"""What was measured, its unit, and the figures."""

_FEW: Final = 5
"""How often the next search after a write, and opening, are measured."""


def measure(bench: Bench) -> Findings:
    """Compare the stores at each size, and go on with SQLite alone."""
    sizes: tuple[int, ...] = _QUICK_SIZES if bench.quick else _SIZES
    if bench.chunks:
        sizes = (*(size for size in sizes if size < bench.chunks), bench.chunks)
    most, alone = sizes[-1], tuple(times * sizes[-1] for times in _ALONE)
    lines: list[Line] = []
    medians: dict[str, list[tuple[float | str, float]]] = {}
    python = bench.service(_ANSWERS) / ".venv/bin/python"
    with bench.scratch() as folder, bench.worker(python, "every_store") as worker:
        asked = (1 + bench.size(_ROUNDS, 1)) * _BATCH
        worker.ask("open", folder=str(folder), asked=asked)
        for before, size in pairwise((0, *sizes, *alone)):
            stores = ["sqlite"]
            if size <= most:
                stores += [name for name in _NAMES if name != "qdrant" or size <= _LOCAL_MODE]
            rates = _written(bench, worker, stores, size - before, is_compared=size <= most)
            times = _asked(bench, worker, stores, size)
            for store in stores:
                name = _NAMES.get(store, "SQLite")
                medians.setdefault(name, []).append((size, percentile(times[store], 50)))
            found = _lines(size, rates, times)
            if len(stores) > 1:
                found.append(_recall(bench, worker, stores, size))
            found += _changes(bench, worker, [name for name in stores if name != "qdrant"], size)
            lines += [each for what, unit, figures in found for each in _row(what, unit, figures)]
    return Findings(lines, [Plot("stores", "Hybrid search, p50", "chunks", "ms", medians, "xy")])


def _written(
    bench: Bench, worker: Worker, stores: list[str], chunks: int, *, is_compared: bool
) -> _Figures:
    """Write further chunks to the stores by turns; return how fast each was, in chunks/s."""
    taken = dict.fromkeys(stores, 0.0)
    for start in range(0, chunks, _STEP):
        worker.ask("prepare", chunks=min(_STEP, chunks - start), is_compared=is_compared)
        for store in stores:
            bench.say(f"{start:,} of {chunks:,} further chunks, {store}")
            taken[store] += worker.figure("write", store=store)
    return {store: chunks / seconds for store, seconds in taken.items()}


def _asked(bench: Bench, worker: Worker, stores: list[str], size: int) -> dict[str, list[float]]:
    """Ask the stores by turns; return the milliseconds of each search."""
    worker.ask("ask")
    rounds = bench.size(_ROUNDS, 1)
    times: dict[str, list[float]] = {store: [] for store in stores}
    for place in range(1 + rounds):
        bench.say(f"{size:,} chunks, round {place} of {rounds}")
        for store in stores if place % 2 else reversed(stores):
            got = worker.ask(
                "search", store=store, mode="hybrid", first=place * _BATCH, count=_BATCH
            )
            assert isinstance(got, dict)
            if place:  # the first round warms up
                times[store] += got["milliseconds"]
    return times


def _lines(size: int, rates: _Figures, times: dict[str, list[float]]) -> list[_Found]:
    slow = [{store: percentile(each, rank) for store, each in times.items()} for rank in (50, 95)]
    return [
        (f"writing up to {size:,} chunks", "chunks/s", rates),
        (f"hybrid search, {size:,} chunks, p50", "ms", slow[0]),
        (f"hybrid search, {size:,} chunks, p95", "ms", slow[1]),
    ]


def _recall(bench: Bench, worker: Worker, stores: list[str], size: int) -> _Found:
    bench.say(f"{size:,} chunks, recall")
    found = {store: worker.figure("recall", store=store, count=_BATCH * 2) for store in stores}
    return f"recall at 8, {size:,} chunks", "of 1", found


def _changes(bench: Bench, worker: Worker, stores: list[str], size: int) -> list[_Found]:
    """Measure the next search after a write, and opening, by turns."""
    found = []
    for command, what, unit in (
        ("after_write", "the next search after a write", "ms"),
        ("reopen", "opening", "s"),
    ):
        times: dict[str, list[float]] = {store: [] for store in stores}
        for place in range(bench.size(_FEW, 1)):
            bench.say(f"{size:,} chunks, {what}, {place}")
            for store in stores:
                times[store].append(worker.figure(command, store=store))
        figures = {store: percentile(each, 50) for store, each in times.items()}
        found.append((f"{what}, {size:,} chunks", unit, figures))
    return found


def _row(what: str, unit: str, figures: _Figures) -> list[Line]:
    ours = figures["sqlite"]
    others = {name: figures[store] for store, name in _NAMES.items() if store in figures}
    return [
        Line(what, ours, unit, theirs=theirs, other=name, ratio=ours / theirs)
        for name, theirs in others.items()
    ] or [Line(what, ours, unit)]
