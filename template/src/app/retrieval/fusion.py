"""Reciprocal rank fusion: one ranking out of several, by ranks alone."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    Item = TypeVar("Item", bound=Hashable)

__all__ = ["RANK_OFFSET", "fuse"]

RANK_OFFSET = 60
"""The constant k of the method, as its authors chose it: how slowly the worth of a rank falls."""


def fuse(
    rankings: Sequence[Sequence[Item]],
    *,
    weights: Sequence[float] | None = None,
    offset: int = RANK_OFFSET,
) -> list[tuple[Item, float]]:
    """Return every ranked item with its fused score, best first.

    An item's score is the sum of `weight / (offset + rank)` over the rankings that hold it, ranks
    counting from 1, divided by the most that it could be: so it lies in (0, 1], and is 1 for an
    item that every ranking has first. Equal scores keep the order in which the items first appear.

    Cormack, Clarke and Büttcher: "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
    Learning Methods", SIGIR 2009.

    Args:
        rankings: each best first and without repetitions.
        weights: one positive weight for each ranking; all 1 by default.
        offset: the method's constant.
    """
    shares = [1.0] * len(rankings) if weights is None else weights
    scores: defaultdict[Item, float] = defaultdict(float)
    for ranking, share in zip(rankings, shares, strict=True):
        for rank, item in enumerate(ranking, start=1):
            scores[item] += share / (offset + rank)
    most = sum(shares) / (offset + 1)
    fused = [(item, min(1.0, score / most)) for item, score in scores.items()]
    fused.sort(key=lambda scored: -scored[1])
    return fused
