"""A second look at the first hits of a search, now that their texts are at hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gwkit.index.store import Hit
    from gwkit.text.terms import TermRules

__all__ = ["look_again"]

_PAIRS_WEIGHT: Final = 0.4
"""What the pairs of a question add to a score that is made of its single terms."""

_ALIKE: Final = 0.9
"""Share of the pairs of terms that near-identical chunks have in common (Jaccard)."""

_MOST_ALIKE: Final = 2
"""Near-identical chunks among the first places: two versions of a rule may contradict each other,
and both count."""

_Pairs = frozenset[tuple[str, str]]


def look_again(hits: Sequence[Hit], query: Sequence[str], rules: TermRules, k: int) -> list[Hit]:
    """Return the hits of a search in a better order.

    Args:
        hits: best first.
        query: the terms of the query in their order; none where the scores are not those of words.
        rules: those that the terms were made by.
        k: how many of them are asked for.
    """
    pairs = {hit.chunk: _pairs(hit, rules) for hit in hits}
    return _varied(_pairs_first(hits, frozenset(pairwise(query)), pairs), pairs, k)


def _pairs_first(hits: Sequence[Hit], wanted: _Pairs, pairs: Mapping[str, _Pairs]) -> Sequence[Hit]:
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


def _varied(hits: Sequence[Hit], pairs: Mapping[str, _Pairs], places: int) -> list[Hit]:
    """Return the hits so that copies and near-identical chunks do not fill the first places.

    A hit that has the terms of an earlier one, and one that is near-identical to two others, go to
    the end, where they score no more than the last that stays. Chunks that differ in a number are
    not identical, nor nearly.
    """
    kept: list[Hit] = []
    seen: list[_Pairs] = []
    late: list[Hit] = []
    for at, hit in enumerate(hits):
        if len(kept) == places:
            kept += hits[at:]
            break
        own = pairs[hit.chunk]
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
