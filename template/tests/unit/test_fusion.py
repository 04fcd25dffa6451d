"""Reciprocal rank fusion."""

from __future__ import annotations

from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval import ranking
from app.retrieval.ranking import RANK_OFFSET

Item = TypeVar("Item", str, int)
RANKINGS = st.lists(st.lists(st.integers(0, 12), unique=True), min_size=2, max_size=4)


def fuse(rankings: list[list[Item]], weights: list[float]) -> list[tuple[Item, float]]:
    """Fuse rankings whose own scores do not matter."""
    return ranking.fuse([[(item, 1.0) for item in each] for each in rankings], weights)


def by_definition(rankings: list[list[int]], weights: list[float], item: int) -> float:
    """Return an item's score by the paper's definition, scaled by the maximum."""
    total = sum(
        weight / (60 + ranking.index(item) + 1)
        for ranking, weight in zip(rankings, weights, strict=True)
        if item in ranking
    )
    return total / sum(weight / 61 for weight in weights)


@given(rankings=RANKINGS, data=st.data())
def test_scores_are_as_defined(rankings: list[list[int]], data: st.DataObject) -> None:
    """Every item of any ranking occurs once, with the defined score, in falling order."""
    weight = st.floats(0.1, 10)
    weights = data.draw(st.lists(weight, min_size=len(rankings), max_size=len(rankings)))

    fused = fuse(rankings, weights=weights)

    scores = dict(fused)
    assert {item for ranking in rankings for item in ranking} == set(scores)
    assert len(scores) == len(fused)
    assert sorted(scores.values(), reverse=True) == [score for _, score in fused]
    for item, score in fused:
        assert by_definition(rankings, weights, item) == pytest.approx(score)
        assert 0 < score <= 1


def test_first_everywhere_is_one() -> None:
    """An item that is first in every ranking scores 1, for any weights."""
    item, score = fuse([["a", "b"], ["a", "c"]], weights=[1, 0.3])[0]

    assert "a" == item
    assert 1 == pytest.approx(score)


def test_two_good_ranks_beat_one_best() -> None:
    """Two second places beat one first place."""
    assert ["b", "a", "c"] == [item for item, _ in fuse([["a", "b"], ["c", "b"]], [1, 1])]


def test_equal_scores_keep_the_order_of_the_rankings() -> None:
    """The first ranking decides ties, so results are stable."""
    assert ["a", "b"] == [item for item, _ in fuse([["a"], ["b"]], [1, 1])]


def test_a_heavier_ranking_decides() -> None:
    """Of two contrary rankings the one with more weight wins."""
    assert "b" == fuse([["a", "b"], ["b", "a"]], weights=[1, 2])[0][0]


def test_one_ranking_keeps_its_scores() -> None:
    """They are shares of the best one."""
    assert [("a", 1.0), ("b", 0.25)] == ranking.fuse([[("a", 8.0), ("b", 2.0)]], [1.0])


@pytest.mark.parametrize("rankings", [[], [[]], [[], []]])
def test_nothing_ranked_is_nothing_fused(rankings: list[list[str]]) -> None:
    """Empty rankings give an empty result."""
    assert [] == fuse(rankings, weights=[1.0] * len(rankings))


def test_the_offset_is_that_of_the_paper() -> None:
    """The constant of the method is 60."""
    assert 60 == RANK_OFFSET


def test_each_ranking_needs_a_weight() -> None:
    """A missing weight is an error; no ranking is silently ignored."""
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        fuse([["a"], ["b"]], weights=[1.0])
