"""Ranking.

How well the search ranks the documents of test collections, with the defaults and no key, beside
plain BM25 with English stemming and stop words (bm25s, PyStemmer). A figure is the mean nDCG@10
over the questions of a collection, of a ranking of documents: a document ranks where its best chunk
does. With *slips* one word of each question has a letter missing, doubled or in its neighbour's
place, the same for both sides.

`make bench CORPUS=folder ARGS=ranking` takes the collections in the subfolders, each in the form of
BEIR: `corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv`. Subfolders may hold groups of them, each
with its own mean. Without a folder it is the golden set over the samples, which is small and was
there while the ranking was made.
"""

from __future__ import annotations

import json
import random
import re
from itertools import chain, groupby
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from benchmarks.findings import Aim, Findings, Line
from benchmarks.workshop import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from benchmarks.workshop import Bench, Worker

__all__ = ["measure"]

_BATCH: Final = 500
_OTHER: Final = "BM25"
_UNIT: Final = "nDCG@10"
_WORD: Final = re.compile(r"[^\W\d_]{5,}")
_REMEDY: Final = "set `APP_LANGUAGE`, or an embedder: `APP_EMBEDDING_MODEL`."


def measure(bench: Bench) -> Findings:
    """Compare both sides on each collection, and their means."""
    lines: list[Line] = []
    with bench.scratch() as scratch:
        folders = _folders(bench, scratch)
        some = folders[: bench.size(len(folders), 2)]
        for group, members in groupby(some, key=lambda folder: folder.parent):
            inside = bench.corpus not in {None, group}
            measured = [line for folder in members for line in _collection(bench, folder, scratch)]
            lines += [*measured, *_means(measured, f", {group.name}" if inside else "")]
    return Findings(lines)


def _means(lines: list[Line], group: str) -> Iterator[Line]:
    """Yield the means of a group of collections, without slips and with them."""
    for kind in ("", ", slips"):
        same = [line for line in lines if line.what.endswith(", slips") == bool(kind)]
        ours = fmean(line.ours for line in same)
        theirs = fmean(line.theirs or 0 for line in same)
        what = f"mean of {len(same)}{group}{kind}"
        yield _line(what, ours, theirs, aim=Aim(">=", 1), remedy="" if kind else _REMEDY)


def _folders(bench: Bench, scratch: Path) -> list[Path]:
    if bench.corpus is None:
        return [_golden(bench, scratch / "golden")]
    bench.took_corpus = True
    paths = chain(bench.corpus.glob("*/corpus.jsonl"), bench.corpus.glob("*/*/corpus.jsonl"))
    found = sorted(path.parent for path in paths)
    if not found:
        raise BenchError(f"{bench.corpus} has no folder with a corpus.jsonl")
    return found


def _golden(bench: Bench, folder: Path) -> Path:
    """Write the golden set over the samples in the form of a collection."""
    service = bench.service()
    cases = _lines(service / "evals/golden.jsonl")
    samples = service / "data/samples"
    files = sorted(path for path in samples.rglob("*") if path.is_file())
    (folder / "qrels").mkdir(parents=True)
    _write(
        folder / "corpus.jsonl",
        (
            {"_id": path.relative_to(samples).as_posix(), "title": "", "text": _text(path)}
            for path in files
        ),
    )
    _write(folder / "queries.jsonl", ({"_id": c["id"], "text": c["question"]} for c in cases))
    judged = [f"{c['id']}\t{name}\t{grade}" for c in cases for name, grade in c["relevant"].items()]
    heading = "query-id\tcorpus-id\tscore"
    (folder / "qrels/test.tsv").write_text("\n".join([heading, *judged]) + "\n", encoding="utf-8")
    return folder


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "ignore")


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _write(path: Path, lines: Iterable[dict[str, str]]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")


def _collection(bench: Bench, folder: Path, scratch: Path) -> list[Line]:
    name = folder.name
    queries = _lines(folder / "queries.jsonl")
    with (
        bench.worker(bench.service() / ".venv/bin/python", "ranking") as ours,
        bench.worker(bench.competitors(), "bm25") as theirs,
    ):
        bench.say(f"{name}, indexing")
        ours.ask("index", folder=str(folder), scratch=str(scratch / name))
        theirs.ask("index", folder=str(folder))
        lines = []
        for kind in ("", ", slips"):
            asked = {
                str(query["_id"]): _slip(query["text"], str(query["_id"]))
                if kind
                else query["text"]
                for query in queries
            }
            scores = {side: _score(bench, side, asked, name) for side in (ours, theirs)}
            lines.append(_line(f"{name}{kind}", scores[ours], scores[theirs]))
    return lines


def _score(bench: Bench, side: Worker, asked: dict[str, str], name: str) -> float:
    """Return a side's mean nDCG@10."""
    scores: list[float] = []
    names = list(asked)
    for start in range(0, len(names), _BATCH):
        bench.say(f"{name}, {start:,} of {len(names):,} questions")
        some = {each: asked[each] for each in names[start : start + _BATCH]}
        got = side.ask("score", queries=some)
        assert isinstance(got, list)
        scores += got
    if not scores:
        raise BenchError(f"{name}: no question has a judged document")
    return fmean(scores)


def _slip(text: str, seed: str) -> str:
    """Return a text with a slip within one of its longer words, the same for a seed."""
    words = list(_WORD.finditer(text))
    if not words:
        return text
    chance = random.Random(seed)  # noqa: S311 - no secret
    word = chance.choice(words)
    at = word.start() + chance.randrange(1, len(word[0]) - 1)
    slips = (
        text[:at] + text[at + 1 :],
        text[:at] + text[at] + text[at:],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    )
    return chance.choice(slips)


def _line(what: str, ours: float, theirs: float, aim: Aim | None = None, remedy: str = "") -> Line:
    ratio = ours / theirs if theirs else None
    return Line(what, ours, _UNIT, theirs, _OTHER, ratio, aim=aim, remedy=remedy)
