"""Search.

Questions of a few words over synthetic chunks, with eight hits each and their texts, one question
after the other. LanceDB and Chroma have the same chunks with the same vectors, in files on the
same disk. The vectors of the questions are computed before, so no side embeds anything. The
service and LanceDB search vectors exactly, rank words by BM25 and fuse both rankings by
reciprocal ranks; LanceDB leaves out English stop words and stems the others. Chroma searches
vectors approximately, with a graph (HNSW with its default settings), and has no ranking by words
on one machine. The share of the true best hits that the graph finds is below the table. Vectors
of short questions are far from all chunks, which is hard for a graph; a larger `ef_search` finds
more and takes longer. The service's time is that of its whole search, with the second look at 50
hits that brings those with neighbouring words of the question forward and copies back.

The service takes one shortcut: it searches for the rarest words of a question, up to those that
match 30 % of the chunks together, and leaves out the others. Its cost in ranking quality is
measured on the golden set over the samples, where it is forced: such a small index would not use
it.

Both parts of a search run one after the other in one thread. Comparing the vectors in a second
thread met an aim of 20 ms for 100,000 chunks if a processor was free. That code was removed, and
the aim is now 30 ms.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final

from benchmarks.findings import Aim, Findings, Line, Plot, compared
from benchmarks.measure import alternate, percentile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.workshop import Bench, Worker

__all__ = ["measure"]

_SIZES: Final = (1_000, 10_000, 100_000)
_QUICK_SIZES: Final = (100, 1_000)
_BATCH: Final = 20
_STORES: Final = {"lancedb": "LanceDB", "chroma": "Chroma"}
_CASES: Final = (
    ("hybrid", "lancedb"),
    ("lexical", "lancedb"),
    ("vector", "lancedb"),
    ("vector", "chroma"),
)
_AIMS: Final = {50: Aim("<", 30, of="ours"), 95: Aim("<", 50, of="ours")}
_REMEDIES: Final = {
    "hybrid": "both parts grow with the number of chunks: give each audience its own index, or "
    "use a store with an approximate index.",
    "lexical": "FTS5 scores every chunk that contains any of the words. A store whose search "
    "skips most of them (WAND) is faster.",
    "vector": "the search reads every vector, so its time is proportional to the dimension.",
}
_SHORTCUT: Final = (
    "no word is left out below 10,000 matches. Above, `_SHARE` in "
    "`app/retrieval/ranking.py` trades time for ranking: measure both on your questions, "
    "with `python -m app eval`."
)


def measure(bench: Bench) -> Findings:
    """Compare each search mode at each size, then the rankings with and without the shortcut."""
    lines: list[Line] = []
    remarks: list[str] = []
    sizes = _QUICK_SIZES if bench.quick else _SIZES
    for chunks in sizes:
        more, remark = _compared_at(bench, chunks, largest=chunks == sizes[-1])
        lines += more
        remarks.append(remark)
    return Findings([*lines, *_shortcut(bench)], _plots(lines, sizes), remarks)


def _compared_at(bench: Bench, chunks: int, *, largest: bool) -> tuple[list[Line], str]:
    """Return the lines of one size, and how often the sides agree by vectors."""
    lines: list[Line] = []
    found: dict[str, list[list[str]]] = {}
    rounds = bench.size(10, 2)
    with (
        bench.scratch() as folder,
        bench.worker(bench.service() / ".venv/bin/python", "searching") as ours,
        bench.worker(bench.competitors(), "stores") as theirs,
    ):
        lines += _built(bench, ours, theirs, folder, (chunks, rounds * _BATCH))
        for mode, store in _CASES:
            asked = _Asked(ours, theirs, mode, store, rounds)
            aims = _AIMS if largest and mode == "hybrid" else {}
            remedy = _REMEDIES.get(mode, "") if largest and store == "lancedb" else ""
            lines += _case(bench, asked, f"{mode}, {chunks:,} chunks", aims=aims, remedy=remedy)
            if mode == "vector":
                found |= {"ours": asked.found["ours"], store: asked.found["theirs"]}
    same = {store: _share(found["ours"], found[store]) for store in _STORES}
    return lines, (
        f"Of the eight nearest chunks among {chunks:,}, LanceDB finds {same['lancedb']:.1%} and "
        f"Chroma {same['chroma']:.1%}."
    )


def _case(
    bench: Bench, asked: _Asked, what: str, *, aims: Mapping[int, Aim], remedy: str
) -> list[Line]:
    """Return the lines of one search mode for one store."""
    pairs = alternate(
        partial(asked.batch, "ours"),
        partial(asked.batch, "theirs"),
        asked.rounds,
        told=lambda told: bench.say(f"{what}, {told}"),
    )
    other = _STORES[asked.store]
    slow = {side: percentile(each, 95) for side, each in asked.milliseconds.items()}
    return [
        compared(f"{what}, p50", pairs, "ms", other=other, aim=aims.get(50), remedy=remedy),
        Line(
            f"{what}, p95",
            slow["ours"],
            "ms",
            theirs=slow["theirs"],
            other=other,
            ratio=slow["ours"] / slow["theirs"],
            aim=aims.get(95),
        ),
    ]


def _built(
    bench: Bench, ours: Worker, theirs: Worker, folder: Path, sizes: tuple[int, int]
) -> Iterator[Line]:
    """Store the same chunks on every side, and yield how fast each was."""
    chunks, questions = sizes
    bench.say(f"{chunks:,} chunks, writing")
    rate = chunks / ours.figure("build", folder=str(folder), chunks=chunks, asked=questions)
    batches = int(theirs.figure("open", folder=str(folder)))
    for store, other in _STORES.items():
        taken = 0.0
        for batch in range(batches):
            bench.say(f"{chunks:,} chunks, writing, {other}, {batch + 1} of {batches}")
            taken += theirs.figure("add", store=store, batch=batch)
        taken += theirs.figure("finish", store=store)
        beside = chunks / taken
        what = f"writing {chunks:,} chunks"
        yield Line(what, rate, "chunks/s", theirs=beside, other=other, ratio=rate / beside)


class _Asked:
    """Both sides of a case, and all their replies."""

    def __init__(self, ours: Worker, theirs: Worker, mode: str, store: str, rounds: int) -> None:
        self._workers = {"ours": ours, "theirs": theirs}
        self._asked = {
            "ours": {"mode": mode},
            "theirs": {"mode": mode, "store": store},
        }
        self.store, self.rounds = store, rounds
        self._places = {"ours": count(-1), "theirs": count(-1)}
        self.milliseconds: dict[str, list[float]] = {"ours": [], "theirs": []}
        self.found: dict[str, list[list[str]]] = {"ours": [], "theirs": []}

    def batch(self, side: str) -> float:
        """Send a side its next questions; return the median, in milliseconds.

        The first batch warms up: it is asked again at the end, and only then remembered.
        """
        place = next(self._places[side])
        first = (place % self.rounds) * _BATCH
        got = self._workers[side].ask("search", first=first, count=_BATCH, **self._asked[side])
        assert isinstance(got, dict)
        if place >= 0:
            self.milliseconds[side] += got["milliseconds"]
            self.found[side] += got["chunks"]
        return percentile(got["milliseconds"], 50)


def _share(ours: list[list[str]], theirs: list[list[str]]) -> float:
    same = sum(len(set(mine) & set(other)) for mine, other in zip(ours, theirs, strict=True))
    return same / sum(map(len, ours))


def _shortcut(bench: Bench) -> Iterator[Line]:
    """Yield the ranking quality on the golden set with the shortcut, and without."""
    service = bench.service()
    bench.say("the golden set")
    scores: dict[bool, Mapping[str, float]] = {}
    with bench.scratch() as folder, bench.worker(service / ".venv/bin/python", "searching") as ours:
        for shortcut in (True, False):
            got = ours.ask(
                "golden",
                index=str(folder / "golden.sqlite"),
                samples=str(service / "data/samples"),
                cases=str(service / "evals/golden.jsonl"),
                shortcut=shortcut,
            )
            assert isinstance(got, dict)
            scores[shortcut] = got
    for mode in scores[True]:
        with_it, without = scores[True][mode], scores[False][mode]
        yield Line(
            f"golden set, {mode}, frequent words left out",
            with_it,
            "nDCG@10",
            theirs=without,
            other="every word",
            ratio=with_it / without,
            remedy=_SHORTCUT,
        )


def _plots(lines: list[Line], sizes: tuple[int, ...]) -> list[Plot]:
    by_name = {(line.what, line.other): line for line in lines}
    series: dict[str, list[tuple[float | str, float]]] = {}
    for percent in ("p50", "p95"):
        for chunks in sizes:
            line = by_name[f"hybrid, {chunks:,} chunks, {percent}", "LanceDB"]
            series.setdefault(f"the service, {percent}", []).append((chunks, line.ours))
            series.setdefault(f"LanceDB, {percent}", []).append((chunks, line.theirs or 0.0))
    aim = _AIMS[50].bound
    return [Plot("search", "Hybrid search", "chunks", "ms", series, log="xy", aim=aim)]
