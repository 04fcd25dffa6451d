"""A collection in the form of BEIR, and the measure of a ranking of its documents."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["DEPTH", "documents", "judgements", "ndcg"]

DEPTH: Final = 10
"""Documents of a ranking that are looked at."""


def documents(folder: str) -> Iterator[tuple[str, str, str]]:
    """Yield id, title and text of each document."""
    with Path(folder, "corpus.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            document = json.loads(line)
            yield str(document["_id"]), document.get("title") or "", document["text"]


def judgements(folder: str) -> Mapping[str, Mapping[str, int]]:
    """Return the grades of the judged documents, by question."""
    grades: defaultdict[str, dict[str, int]] = defaultdict(dict)
    rows = Path(folder, "qrels/test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    for row in rows:
        question, document, grade = row.split("\t")
        grades[question][document] = int(grade)
    return grades


def ndcg(ranking: Sequence[str], grades: Mapping[str, int]) -> float:
    """Return the normalised discounted cumulative gain of the first documents."""
    best = sorted(grades.values(), reverse=True)
    return _gain([grades.get(each, 0) for each in ranking]) / (_gain(best) or 1.0)


def _gain(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades[:DEPTH], 1))
