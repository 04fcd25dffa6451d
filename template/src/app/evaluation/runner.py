"""Runs a golden set through the search and reports how well it ranks documents."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from app.evaluation.metrics import ndcg_at_k, recall_at_k, reciprocal_rank
from app.exceptions import EvaluationError
from gwkit.index.store import SearchMode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.evaluation.golden import GoldenCase
    from app.retrieval.retriever import Retriever

__all__ = ["CaseResult", "EvaluationReport", "Scores", "compare_modes", "evaluate"]

_CHUNKS_PER_DOCUMENT = 5
"""Chunks searched for each document wanted, as several of the best are often of one document."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The measures of `app.evaluation.metrics`, of one case or as means over cases."""

    recall: float
    mrr: float
    ndcg: float


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one question went; `ranking` has the ids of the documents found, best first."""

    id: str
    question: str
    relevant: dict[str, int]
    ranking: tuple[str, ...]
    scores: Scores


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """How a search mode does on a golden set; `k` is the number of documents looked at."""

    mode: SearchMode
    k: int
    scores: Scores
    cases: tuple[CaseResult, ...]

    def worst(self, count: int = 5) -> tuple[CaseResult, ...]:
        """Return the cases with the lowest nDCG below 1, the lowest first."""
        flawed = (case for case in self.cases if case.scores.ndcg < 1)
        return tuple(sorted(flawed, key=lambda case: (case.scores.ndcg, case.id))[:count])


async def evaluate(
    cases: Sequence[GoldenCase],
    retriever: Retriever,
    *,
    k: int = 10,
    mode: SearchMode = SearchMode.HYBRID,
) -> EvaluationReport:
    """Search for every question and measure the documents found.

    A document ranks where its best chunk does.

    Raises:
        EvaluationError: there are no cases.
        RetrievalError: the index could not answer.
    """
    if not cases:
        raise EvaluationError("there are no cases to evaluate")
    results = tuple([await _evaluated(case, retriever, k, mode) for case in cases])
    means = Scores(
        recall=fmean(result.scores.recall for result in results),
        mrr=fmean(result.scores.mrr for result in results),
        ndcg=fmean(result.scores.ndcg for result in results),
    )
    return EvaluationReport(mode, k, means, results)


async def compare_modes(
    cases: Sequence[GoldenCase], retriever: Retriever, *, k: int = 10
) -> dict[SearchMode, EvaluationReport]:
    """Evaluate the modes that there are, so that it shows whether hybrid beats its better leg.

    Raises the same as `evaluate`.
    """
    return {mode: await evaluate(cases, retriever, k=k, mode=mode) for mode in retriever.modes()}


async def _evaluated(
    case: GoldenCase, retriever: Retriever, k: int, mode: SearchMode
) -> CaseResult:
    hits = await retriever.search(case.question, k=k * _CHUNKS_PER_DOCUMENT, mode=mode)
    ranking = tuple(dict.fromkeys(hit.document for hit in hits))[:k]
    scores = Scores(
        recall=recall_at_k(ranking, case.relevant, k),
        mrr=reciprocal_rank(ranking, case.relevant),
        ndcg=ndcg_at_k(ranking, case.relevant, k),
    )
    return CaseResult(case.id, case.question, case.relevant, ranking, scores)
