"""Measures of one ranking against graded judgements; all lie in 0 to 1, and 1 is best.

A ranking is a sequence of document ids, best first; what comes twice counts where it comes first.
Judgements map document ids to grades: 0 is irrelevant, as is every document without a grade.
"""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["ndcg_at_k", "recall_at_k", "reciprocal_rank"]


def recall_at_k(ranking: Sequence[str], relevant: Mapping[str, int], k: int) -> float:
    """Return the share of *all* relevant documents that the first `k`, at least one, have.

    With more than `k` relevant documents it cannot reach 1.

    Raises:
        ValueError: no document is relevant.
    """
    wanted = _wanted(relevant)
    return len(wanted.intersection(_distinct(ranking)[:k])) / len(wanted)


def reciprocal_rank(ranking: Sequence[str], relevant: Mapping[str, int]) -> float:
    """Return 1 / the rank of the first relevant document, 0 if the ranking has none.

    Its mean over questions is the MRR (Voorhees 1999).

    Raises:
        ValueError: no document is relevant.
    """
    wanted = _wanted(relevant)
    ranks = (rank for rank, document in enumerate(_distinct(ranking), 1) if document in wanted)
    return 1 / next(ranks, float("inf"))


def ndcg_at_k(ranking: Sequence[str], relevant: Mapping[str, int], k: int) -> float:
    """Return the discounted cumulated gain of the first `k`, over that of the best ranking.

    The gain is the grade itself and the discount log2(rank + 1), as in trec_eval (Järvelin &
    Kekäläinen 2002, with the discount from the first rank on).

    Raises:
        ValueError: no document is relevant.
    """
    _wanted(relevant)
    ideal = _dcg(sorted(relevant.values(), reverse=True)[:k])
    return _dcg(relevant.get(document, 0) for document in _distinct(ranking)[:k]) / ideal


def _dcg(grades: Iterable[int]) -> float:
    return sum(grade / log2(rank + 1) for rank, grade in enumerate(grades, 1))


def _wanted(relevant: Mapping[str, int]) -> set[str]:
    wanted = {document for document, grade in relevant.items() if grade > 0}
    if not wanted:
        raise ValueError("no document is relevant, so there is nothing to measure")
    return wanted


def _distinct(ranking: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(ranking))
