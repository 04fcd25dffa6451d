"""Words as sparse vectors: how often a chunk has each term, saturated as in BM25."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gwkit.documents import Chunk
    from gwkit.text.terms import TermRules

__all__ = ["chunk_weights", "query_weights"]

_SATURATION: Final = 1.2
_LENGTH_SHARE: Final = 0.75
_AVERAGE_WORDS: Final = 100
"""The parameters k1 and b of BM25, as usual, and the words of an average chunk. The last is fixed,
as a vector must not depend on other documents; the rarity of a term is for the server to add."""


def chunk_weights(
    rules: TermRules, title: str, chunk: Chunk, *, most: int | None = None
) -> dict[int, float]:
    """Return what each term of a chunk weighs, by the number of the term, in ascending order.

    Args:
        rules: make the terms.
        title: of the document, whose terms count like those of headings and text.
        chunk: the rest of what counts.
        most: terms to keep, the heaviest; all by default.
    """
    terms = rules.of_text("\n".join((title, *chunk.headings, chunk.text)))
    counts = Counter(map(_number, terms))
    length = len(terms) / _AVERAGE_WORDS
    norm = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * length)
    return {
        number: count * (_SATURATION + 1) / (count + norm)
        for number, count in sorted(counts.most_common(most))
    }


def query_weights(terms: Iterable[str]) -> dict[int, float]:
    """Return how often a query says each term, by the number of the term, in ascending order."""
    counts = Counter(map(_number, terms))
    return {number: float(counts[number]) for number in sorted(counts)}


def _number(term: str) -> int:
    """Return the number of a term; 0 stands for none."""
    return crc32(term.encode(errors="replace")) or 1
