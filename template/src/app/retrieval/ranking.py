"""How this service ranks: the terms of a query, the fusion of both legs, a second look at the hits.

The store does the work of a search and asks `HybridRanking` for every decision in it; `look_again`
orders what it found, now that the texts are at hand.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final, TypeVar

from gwkit.text.terms import TermRules

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from gwkit.index.store import Hit

    Item = TypeVar("Item", bound=Hashable)

__all__ = ["MOST_TERMS", "RANK_OFFSET", "HybridRanking", "fuse", "look_again"]

MOST_TERMS = 64
"""Terms of a query that are searched for: each costs time, and a question has far fewer."""

RANK_OFFSET = 60
"""The constant k of reciprocal rank fusion, as its authors chose it: how slowly the worth of a rank
falls."""

_FREE_MATCHES: Final = 10_000
"""Matches that cost no more than the rest of a search (10 ms or so): nothing is saved below."""

_SHARE: Final = 0.3
"""Matches in one search as a share of the chunks; with less, rankings became worse in tests.

It is not free: forced on the samples, which are too few for it, it costs 0.04 of nDCG@10.
"""

_FEWEST_CANDIDATES: Final = 50
_CANDIDATES_PER_HIT: Final = 4

_PAIRS_WEIGHT: Final = 0.4
"""What the pairs of a question add to a score that is made of its single terms."""

_ALIKE: Final = 0.9
"""Share of the pairs of terms that near-identical chunks have in common (Jaccard)."""

_MOST_ALIKE: Final = 2
"""Near-identical chunks among the first places: two versions of a rule may contradict each other,
and both count."""

_Pairs = frozenset[tuple[str, str]]


def fuse(
    rankings: Sequence[Sequence[tuple[Item, float]]], weights: Sequence[float]
) -> list[tuple[Item, float]]:
    """Return every ranked item with a score in (0, 1], best first.

    Of one ranking these are its own scores as shares of the best one. Of several it is reciprocal
    rank fusion: the sum of `weight / (RANK_OFFSET + rank)` over the rankings that hold an item,
    ranks counting from 1, divided by the most that it could be, so it is 1 for an item that every
    ranking has first. Equal scores keep the order in which the items first appear.

    Cormack, Clarke and Büttcher: "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
    Learning Methods", SIGIR 2009.

    Args:
        rankings: items with positive scores, each best first and without repetitions.
        weights: one positive weight for each ranking.
    """
    if len(rankings) == 1:
        return [(item, score / rankings[0][0][1]) for item, score in rankings[0]]
    scores: defaultdict[Item, float] = defaultdict(float)
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, (item, _) in enumerate(ranking, start=1):
            scores[item] += weight / (RANK_OFFSET + rank)
    most = sum(weights) / (RANK_OFFSET + 1)
    fused = [(item, min(1.0, score / most)) for item, score in scores.items()]
    fused.sort(key=lambda scored: -scored[1])
    return fused


@dataclass(frozen=True, slots=True)
class HybridRanking:
    """A `gwkit.index.store.Ranking`: rare terms first, ranks of both legs fused.

    Args:
        rules: those that the index was made with.
    """

    rules: TermRules = field(default_factory=TermRules)

    fuse = staticmethod(fuse)

    def terms(self, text: str) -> list[str]:
        """Return the terms to search for: the first `MOST_TERMS` of a query.

        Whatever the text holds, it is data and never syntax. What is said twice stands there twice.
        """
        return list(islice(self.rules.of_query(text), MOST_TERMS))

    def spellings(self, term: str) -> list[str]:
        """Return what a term that no chunk has may be a misspelling of."""
        return self.rules.spellings(term)

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
        chosen: set[str] = set()
        spent = 0
        for matches, term in sorted((count(term, budget), term) for term in set(terms)):
            spent += matches
            if chosen and spent > budget:
                break
            chosen.add(term)
        return [term for term in terms if term in chosen]

    def candidates(self, k: int) -> int:
        """Return how many chunks each leg ranks."""
        return max(_FEWEST_CANDIDATES, _CANDIDATES_PER_HIT * k)


def look_again(hits: Sequence[Hit], query: Sequence[str], rules: TermRules, k: int) -> list[Hit]:
    """Return the hits of a search in a better order.

    Args:
        hits: best first.
        query: the terms of the query in their order; none where the scores are not those of words.
        rules: those that the terms were made by.
        k: how many of them are asked for.
    """
    wanted = frozenset(pairwise(query))
    # To cut texts into terms takes longer than all else here. Without a pair to look for, only
    # those need it that may come first.
    pairs = {hit.chunk: _pairs(hit, rules) for hit in hits if wanted}
    return _varied(_pairs_first(hits, wanted, pairs), pairs, rules, k)


def _pairs_first(hits: Sequence[Hit], wanted: _Pairs, pairs: dict[str, _Pairs]) -> Sequence[Hit]:
    """Return the hits in another order: terms that stand together in the query count as such.

    A hit in which they are neighbours, too, scores higher than one that has them apart.
    """
    if not wanted:
        return hits
    scored = []
    for hit in hits:
        share = len(wanted & pairs[hit.chunk]) / len(wanted)
        score = hit.score * (1 + _PAIRS_WEIGHT * share) / (1 + _PAIRS_WEIGHT)
        scored.append(replace(hit, score=score))
    return sorted(scored, key=lambda hit: -hit.score)


def _varied(hits: Sequence[Hit], pairs: dict[str, _Pairs], rules: TermRules, k: int) -> list[Hit]:
    """Return the hits so that copies and near-identical chunks do not fill the first places.

    A hit that has the terms of an earlier one, and one that is near-identical to two others, go to
    the end, where they score no more than the last that stays. Chunks that differ in a number are
    not identical, nor nearly.
    """
    kept: list[Hit] = []
    seen: list[_Pairs] = []
    late: list[Hit] = []
    for at, hit in enumerate(hits):
        if len(kept) == k:
            kept += hits[at:]
            break
        own = pairs.get(hit.chunk) or _pairs(hit, rules)
        if own in seen or sum(_is_alike(own, other) for other in seen) >= _MOST_ALIKE:
            late.append(hit)
        else:
            kept.append(hit)
            seen.append(own)
    least = kept[-1].score if kept else 0.0
    return kept + [replace(hit, score=min(hit.score, least)) for hit in late]


def _pairs(hit: Hit, rules: TermRules) -> _Pairs:
    terms = rules.of_text("\n".join((*hit.headings, hit.text)))
    return frozenset(pairwise(("", *terms)))


def _is_alike(pairs: _Pairs, others: _Pairs) -> bool:
    fewer, more = sorted((len(pairs), len(others)))
    if fewer < _ALIKE * more:
        return False
    common = len(pairs & others)
    if common < _ALIKE * (len(pairs) + len(others) - common):
        return False
    return not any(character.isdigit() for _, term in pairs ^ others for character in term)
