"""How this service ranks: which terms are searched for, and how the legs of a search are fused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.retrieval.fusion import fuse
from app.retrieval.query import query_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["HybridRanking"]

_FREE_MATCHES: Final = 10_000
"""Matches that cost no more than the rest of a search (10 ms or so): nothing is saved below."""

_SHARE: Final = 0.3
"""Matches in one search as a share of the chunks; with less, rankings became worse in tests.

It is not free: forced on the samples, which are too few for it, it costs 0.04 of nDCG@10.
"""

_FEWEST_CANDIDATES: Final = 50
_CANDIDATES_PER_HIT: Final = 4


class HybridRanking:
    """A `gwkit.index.ports.Ranking`: rare terms first, ranks of both legs fused."""

    def terms(self, text: str) -> list[str]:
        """Return the distinct terms of a query."""
        return query_terms(text)

    def affordable(
        self, terms: Sequence[str], chunks: int, count: Callable[[str, int], int]
    ) -> list[str]:
        """Return the terms to search for: the rarest ones that fit the budget together.

        A full-text search takes time in proportion to the chunks that hold any of its terms, and
        those terms which are in most chunks say least about which is the best. The rarest of all
        is always among them, and so is every term that does not occur.
        """
        budget = max(_FREE_MATCHES, int(_SHARE * chunks))
        if len(terms) * chunks <= budget:
            return list(terms)
        chosen: list[str] = []
        spent = 0
        for matches, term in sorted((count(term, budget), term) for term in terms):
            spent += matches
            if chosen and spent > budget:
                break
            chosen.append(term)
        return chosen

    def candidates(self, k: int) -> int:
        """Return how many chunks each leg ranks."""
        return max(_FEWEST_CANDIDATES, _CANDIDATES_PER_HIT * k)

    def fuse(
        self, rankings: Sequence[Sequence[int]], weights: Sequence[float]
    ) -> list[tuple[int, float]]:
        """Return the chunks by reciprocal rank fusion."""
        return fuse(rankings, weights=weights)
