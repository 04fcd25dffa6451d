"""How this service ranks: the terms of a query, fusion of both legs, and copies that come last.

The store does the work of a search and asks `HybridRanking` for every decision in it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, TypeVar

from gwkit.text.words import WORD, word_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from gwkit.index.store import Hit

    Item = TypeVar("Item", bound=Hashable)

__all__ = [
    "MOST_TERMS",
    "RANK_OFFSET",
    "HybridRanking",
    "fuse",
    "has_copies",
    "originals_first",
    "query_terms",
]

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

_LONGEST_TERM = 100
_MOST_COMPOUNDS = 4
_MOST_PARTS = 6
_WORD = re.compile(WORD)
# It begins where a run of letters begins and gives nothing back, so that the time is linear.
_COMPOUND = re.compile(r"(?<![^\W_])[^\W_]++(?:[-_.][^\W_]++)++")
_JOINT = re.compile(r"[-_.]")

_PUNCTUATION = ".,;:!?\"'()*_`|"


def query_terms(text: str) -> list[str]:
    """Return the distinct terms to search for, at most `MOST_TERMS`.

    Whatever the text holds, it is data and never syntax. A term is a word, a pair of characters
    where a script has no spaces, or a name of several parts such as `response_model`, which comes
    besides its parts: a chunk that has the parts in a row ranks above one that has them apart.
    Nothing is left out as a stop word here: which words are too frequent to be worth their cost is
    the index's to say, in any language.

    What is longer than 100 characters is no term, nor is a name of more than 6 parts, nor the fifth
    of such names: to look for one takes time in proportion to its parts.
    """
    folded = text.casefold()
    parts = chain.from_iterable(map(word_parts, _WORD.findall(folded)))
    words = dict.fromkeys(part for part in parts if len(part) <= _LONGEST_TERM)
    names = dict.fromkeys(
        name
        for name in _COMPOUND.findall(folded)
        if len(name) <= _LONGEST_TERM and len(_JOINT.findall(name)) < _MOST_PARTS
    )
    return list(islice(chain(words, islice(names, _MOST_COMPOUNDS)), MOST_TERMS))


def fuse(rankings: Sequence[Sequence[Item]], weights: Sequence[float]) -> list[tuple[Item, float]]:
    """Return every ranked item with its score by reciprocal rank fusion, best first.

    An item's score is the sum of `weight / (RANK_OFFSET + rank)` over the rankings that hold it,
    ranks counting from 1, divided by the most that it could be: so it lies in (0, 1], and is 1 for
    an item that every ranking has first. Equal scores keep the order in which the items first
    appear.

    Cormack, Clarke and Büttcher: "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
    Learning Methods", SIGIR 2009.

    Args:
        rankings: each best first and without repetitions.
        weights: one positive weight for each ranking.
    """
    scores: defaultdict[Item, float] = defaultdict(float)
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, item in enumerate(ranking, start=1):
            scores[item] += weight / (RANK_OFFSET + rank)
    most = sum(weights) / (RANK_OFFSET + 1)
    fused = [(item, min(1.0, score / most)) for item, score in scores.items()]
    fused.sort(key=lambda scored: -scored[1])
    return fused


class HybridRanking:
    """A `gwkit.index.store.Ranking`: rare terms first, ranks of both legs fused."""

    terms = staticmethod(query_terms)
    fuse = staticmethod(fuse)

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


def has_copies(hits: Sequence[Hit]) -> bool:
    """Say whether two of the hits have the same words under the same headings."""
    return len({_words(hit) for hit in hits}) < len(hits)


def originals_first(hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits with those that repeat an earlier one at the end.

    Only the same words count as a copy, whatever the punctuation: two versions of a rule that
    differ in a number say different things. A copy scores no more than the last original.
    """
    originals: dict[str, Hit] = {}
    copies = [hit for hit in hits if originals.setdefault(_words(hit), hit) is not hit]
    found = list(originals.values())
    least = found[-1].score if found else 0.0
    return found + [replace(hit, score=min(hit.score, least)) for hit in copies]


def _words(hit: Hit) -> str:
    text = "\n".join((*hit.headings, hit.text)).casefold()
    return " ".join(filter(None, (word.strip(_PUNCTUATION) for word in text.split())))
