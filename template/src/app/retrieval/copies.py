"""Copies: chunks with the same words must not take all the first places."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwkit.index.ports import Hit

__all__ = ["has_copies", "originals_first"]

_PUNCTUATION = ".,;:!?\"'()*_`|"


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
