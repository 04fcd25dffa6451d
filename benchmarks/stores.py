"""Stores.

The same synthetic chunks with vectors of 384 dimensions in each store that the template has, on one
machine, and the same questions by turns: eight hits each with their texts, one question after the
other. SQLite is the embedded default. PostgreSQL with pgvector is a real server from a Python
package, with its default settings, on the same processors. Qdrant is in the *local mode* of its
client, which compares every vector and every word in Python: it is for development, and says
nothing about a Qdrant server, which has indexes. It takes part up to 20,000 chunks, above which its
client advises against it. Pinecone is a service elsewhere and is not measured.

Each document has 20 chunks and is one write, as in an ingestion; pgvector updates its index (HNSW)
with each of them. Recall is the share of the eight truly nearest chunks that a search by vectors
finds. SQLite compares every vector: it finds all, and its time and memory grow with their number.
Vectors of short questions are far from all chunks, which is hard for an approximate index.

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
_SIZES: Final = (1_000, 10_000, 100_000)
_QUICK_SIZES: Final = (100, 200)
_ALONE: Final = 2
"""How many times larger than the others the SQLite file gets."""

_LOCAL_MODE: Final = 20_000
"""Chunks up to which Qdrant's local mode takes part."""

_STEP: Final = 2_000
"""Chunks of one command."""

_ROUNDS: Final = 5
_BATCH: Final = 4
"""Questions of a turn; of all stores one answers slowly."""

_REMEDY: Final = (
    "SQLite is enough up to some 100,000 chunks. Above, or for several machines, take a store on a "
    "server: `index copy` moves the index."
)


def measure(bench: Bench) -> Findings:
    """Compare the stores at each size, and go on with SQLite alone."""
    sizes: tuple[int, ...] = _QUICK_SIZES if bench.quick else _SIZES
    if bench.chunks:
        sizes = (*(size for size in sizes if size < bench.chunks), bench.chunks)
    rounds = bench.size(_ROUNDS, 1)
    lines: list[Line] = []
    medians: dict[str, list[tuple[float | str, float]]] = {}
    python = bench.service(_ANSWERS) / ".venv/bin/python"
    with bench.scratch() as folder, bench.worker(python, "every_store") as worker:
        worker.ask("open", folder=str(folder), asked=(1 + rounds) * _BATCH)
        for before, size in pairwise((0, *sizes, _ALONE * sizes[-1])):
            stores = ["sqlite"]
            if size <= sizes[-1]:
                stores += [name for name in _NAMES if name != "qdrant" or size <= _LOCAL_MODE]
            rates = _written(bench, worker, stores, size - before)
            times = _asked(bench, worker, stores, rounds, size)
            for store in stores:
                name = _NAMES.get(store, "SQLite")
                medians.setdefault(name, []).append((size, percentile(times[store], 50)))
            lines += _lines(size, rates, times)
            if len(stores) > 1:
                lines += _recalls(bench, worker, stores, size)
    return Findings(lines, [Plot("stores", "Hybrid search, p50", "chunks", "ms", medians, "xy")])


def _written(bench: Bench, worker: Worker, stores: list[str], chunks: int) -> dict[str, float]:
    """Write further chunks to the stores by turns; return how fast each was, in chunks/s."""
    taken = dict.fromkeys(stores, 0.0)
    for start in range(0, chunks, _STEP):
        worker.ask("prepare", chunks=min(_STEP, chunks - start))
        for store in stores:
            bench.say(f"{start:,} of {chunks:,} further chunks, {store}")
            taken[store] += worker.figure("write", store=store)
    return {store: chunks / seconds for store, seconds in taken.items()}


def _asked(
    bench: Bench, worker: Worker, stores: list[str], rounds: int, size: int
) -> dict[str, list[float]]:
    """Ask the stores by turns; return the milliseconds of each search."""
    worker.ask("ask")
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


def _recalls(bench: Bench, worker: Worker, stores: list[str], size: int) -> list[Line]:
    bench.say(f"{size:,} chunks, recall")
    found = {store: worker.figure("recall", store=store, count=_BATCH * 2) for store in stores}
    return [
        _line(f"recall at 8, {size:,} chunks", "of 1", found, store, name)
        for store, name in _NAMES.items()
        if store in found
    ]


def _lines(size: int, rates: dict[str, float], times: dict[str, list[float]]) -> list[Line]:
    lines = []
    slow = {
        percent: {store: percentile(each, percent) for store, each in times.items()}
        for percent in (50, 95)
    }
    for what, unit, figures in (
        (f"writing up to {size:,} chunks", "chunks/s", rates),
        (f"hybrid search, {size:,} chunks, p50", "ms", slow[50]),
        (f"hybrid search, {size:,} chunks, p95", "ms", slow[95]),
    ):
        others = {store: name for store, name in _NAMES.items() if store in figures}
        lines += [_line(what, unit, figures, store, name) for store, name in others.items()]
        if not others:
            lines.append(Line(what, figures["sqlite"], unit, remedy=_REMEDY))
    return lines


def _line(what: str, unit: str, figures: dict[str, float], store: str, name: str) -> Line:
    ours, theirs = figures["sqlite"], figures[store]
    return Line(what, ours, unit, theirs=theirs, other=name, ratio=ours / theirs)
