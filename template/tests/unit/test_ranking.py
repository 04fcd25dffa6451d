"""The searched terms of a query, and the number of competing chunks."""

from __future__ import annotations

import pytest

from app.retrieval import ranking
from app.retrieval.ranking import HybridRanking

COUNTS = {"common": 900, "usual": 250, "rare": 40, "absent": 0}


@pytest.mark.parametrize(
    ("terms", "chosen"),
    [
        (["common", "rare"], ["rare"]),
        (["common", "usual", "rare", "absent"], ["usual", "rare", "absent"]),
        (["common"], ["common"]),
        (["rare", "common", "rare"], ["rare", "rare"]),
        (["common", "absent"], ["absent"]),
        ([], []),
    ],
)
def test_the_rarest_terms_that_fit_the_budget(
    monkeypatch: pytest.MonkeyPatch, terms: list[str], chosen: list[str]
) -> None:
    """Of 1,000 chunks 300 may match; the rarest term is always searched for."""
    monkeypatch.setattr(ranking, "_FREE_MATCHES", 10)
    assert chosen == HybridRanking().affordable(terms, 1_000, lambda term, _most: COUNTS[term])


def test_a_small_index_costs_nothing_to_search() -> None:
    """The terms stay in order, and none is counted."""
    assert ["b", "a"] == HybridRanking().affordable(["b", "a"], 5_000, lambda *_: 1 // 0)


def test_more_chunks_are_ranked_than_asked_for() -> None:
    """A chunk that is good in both modes may be the best in neither."""
    assert [50, 50, 80] == [HybridRanking().candidates(k) for k in (1, 12, 20)]
