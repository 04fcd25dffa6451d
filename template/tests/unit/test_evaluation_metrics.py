"""The measures, compared with tables computed by hand and with another implementation."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.evaluation.metrics import ndcg_at_k, recall_at_k, reciprocal_rank

DOCUMENTS = "abcdef"
SECOND = 1 / math.log2(3)  # the gain of grade 1 at rank 2
rankings = st.lists(st.sampled_from(DOCUMENTS), max_size=8)
judgements = st.dictionaries(
    st.sampled_from(DOCUMENTS), st.integers(min_value=0, max_value=3), min_size=1
).filter(lambda relevant: any(relevant.values()))
depths = st.integers(min_value=1, max_value=8)


def slow_recall(ranking: list[str], relevant: dict[str, int], k: int) -> float:
    """Count by the definition: relevant ones among the first k, over all relevant ones."""
    seen: list[str] = []
    for document in ranking:
        if document not in seen:
            seen.append(document)
    wanted = [document for document, grade in relevant.items() if grade > 0]
    return float(Fraction(sum(1 for document in wanted if document in seen[:k]), len(wanted)))


def slow_reciprocal_rank(ranking: list[str], relevant: dict[str, int]) -> float:
    """Search the ranking for the first relevant document."""
    rank = 0
    passed: set[str] = set()
    for document in ranking:
        if document in passed:
            continue
        passed.add(document)
        rank += 1
        if relevant.get(document, 0) > 0:
            return 1 / rank
    return 0.0


def slow_ndcg(ranking: list[str], relevant: dict[str, int], k: int) -> float:
    """Divide by the best gain of *all* orders of the judged documents."""

    def gain(order: list[str]) -> float:
        total = 0.0
        passed: set[str] = set()
        for document in order:
            if document not in passed and len(passed) < k:
                passed.add(document)
                total += relevant.get(document, 0) * math.log(2) / math.log(len(passed) + 1)
        return total

    return gain(ranking) / max(gain(list(order)) for order in permutations(relevant))


@pytest.mark.parametrize(
    ("ranking", "relevant", "k", "values"),
    [
        # Grades 2 and 1: the ideal is 2 + 1 / log2(3).
        ("ab", {"a": 2, "b": 1}, 10, (1, 1, 1)),
        ("ba", {"a": 2, "b": 1}, 10, (1, 1, (1 + 2 * SECOND) / (2 + SECOND))),
        ("xa", {"a": 2, "b": 1}, 10, (1 / 2, 1 / 2, 2 * SECOND / (2 + SECOND))),
        # Cut at 1: later ones do not count, though recall counts all relevant ones.
        ("ab", {"a": 2, "b": 1}, 1, (1 / 2, 1, 1)),
        # Duplicates count once.
        ("xxxa", {"a": 1}, 2, (1, 1 / 2, SECOND)),
        ("xyz", {"a": 1}, 10, (0, 0, 0)),
        ("", {"a": 1}, 10, (0, 0, 0)),
        # Grade 0 is irrelevant.
        ("ba", {"a": 1, "b": 0}, 10, (1, 1 / 2, SECOND)),
        ("abc", {"c": 3}, 3, (1, 1 / 3, 1 / 2)),
    ],
)
def test_tables_computed_by_hand(
    ranking: str, relevant: dict[str, int], k: int, values: tuple[float, float, float]
) -> None:
    """Each measure has the value of its definition."""
    measured = (
        recall_at_k(ranking, relevant, k),
        reciprocal_rank(ranking, relevant),
        ndcg_at_k(ranking, relevant, k),
    )
    assert pytest.approx(values) == measured


@given(rankings, judgements, depths)
def test_the_same_as_by_definition(ranking: list[str], relevant: dict[str, int], k: int) -> None:
    """An independent, slower implementation gives the same values."""
    assert pytest.approx(slow_recall(ranking, relevant, k)) == recall_at_k(ranking, relevant, k)
    assert slow_reciprocal_rank(ranking, relevant) == reciprocal_rank(ranking, relevant)
    assert pytest.approx(slow_ndcg(ranking, relevant, k)) == ndcg_at_k(ranking, relevant, k)


@given(judgements, depths)
def test_the_best_ranking_has_one(relevant: dict[str, int], k: int) -> None:
    """The order by grade is optimal, and recall lacks only what does not fit."""
    best = sorted(relevant, key=lambda document: -relevant[document])
    wanted = sum(grade > 0 for grade in relevant.values())
    assert ndcg_at_k(best, relevant, k) == pytest.approx(1)
    assert reciprocal_rank(best, relevant) == 1
    assert min(k, wanted) / wanted == recall_at_k(best, relevant, k)


@pytest.mark.parametrize("relevant", [{}, {"a": 0}])
def test_without_relevant_documents_there_is_nothing_to_measure(relevant: dict[str, int]) -> None:
    """A mean over such cases would be meaningless."""
    with pytest.raises(ValueError, match="no document is relevant"):
        recall_at_k("a", relevant, 1)
    with pytest.raises(ValueError, match="no document is relevant"):
        reciprocal_rank("a", relevant)
    with pytest.raises(ValueError, match="no document is relevant"):
        ndcg_at_k("a", relevant, 1)
