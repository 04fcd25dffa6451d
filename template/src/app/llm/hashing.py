"""An embedder without a model: it hashes words and the pieces of words.

It knows how words are spelt and nothing of what they mean: texts are near when they share words,
forms of words, or words with a typing error. Beside a full-text search that makes up for what
exact words miss; a real embedding model is one setting away.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections import Counter
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.llm.ports import Vector, Vectors

__all__ = ["DIMENSION", "HashingEmbedder"]

DIMENSION = 512
"""Length of the vectors: with fewer, unrelated texts come near by chance."""

_PLACE = np.dtype("<u2")
_PIECE_LENGTHS = (3, 4, 5)
# What is longer is no word of a language, and its pieces would drown those of the words.
_LONGEST_WORD = 40
_LONGEST_QUERY_ON_LOOP = 2_000

_WORD = re.compile(r"[^\W_]+")
_ACCENTS = re.compile(r"[\u0300-\u036f]+")

# Words that say nothing about a subject. Part of the embedding, as are the constants above: a
# change here needs a new name for the embedder, so that older indexes are refused.
_FUNCTION_WORDS = """
    a about after all also am an and any are as at be because been before being between both but by
    can could did do does doing done down during each few for from further had has have having he
    her here hers him his how however i if in into is it its itself just let like me might more
    most much must my no nor not now of off on once one only or other our ours out over own per
    please quite rather same shall she should since so some such than that the their theirs them
    then there these they thing things this those through to too under until up upon us use used
    uses using very via want was way we were what when where whether which while who whom whose why
    will with within without would yes yet you your yours
"""
_STOP_WORDS = frozenset(_FUNCTION_WORDS.split())


class HashingEmbedder:
    """The embedder `offline:hashing`: feature hashing with signs.

    A text's vector is the sum of its words' vectors, each times 1 + ln(how often the word
    occurs), brought to length 1. A word's vector has one signed entry for the word and one for
    each of its pieces of 3 to 5 characters, its ends marked; so long words, which are the rarer
    ones, weigh more. The same text has the same vector in every process and Python version.

    Weinberger et al.: "Feature Hashing for Large Scale Multitask Learning", ICML 2009; Bojanowski
    et al.: "Enriching Word Vectors with Subword Information", TACL 2017, for the pieces.
    """

    @property
    def name(self) -> str:
        """The embedder's name in the manifest of an index."""
        return "offline:hashing"

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return DIMENSION

    @property
    def rank_weight(self) -> float:
        """What a rank by these vectors counts in a hybrid search.

        Where the words of a question are in the index, they are the better guide: on two question
        sets the fused ranking was no worse than by words alone with weights from 0.2 to 0.5, and
        a little worse with 1. Where they are misspelt the vectors find what words miss.
        """
        return 0.4

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text, in the order of the texts; computed in a thread."""
        return await asyncio.to_thread(_embed_all, texts)

    async def embed_query(self, text: str) -> Vector:
        """Return the vector to search with, which is the text's as a document."""
        if len(text) > _LONGEST_QUERY_ON_LOOP:
            return await asyncio.to_thread(_embed, text)
        # A question takes less time than the way to a thread and back.
        return _embed(text)


def _embed_all(texts: Sequence[str]) -> Vectors:
    vectors = np.zeros((len(texts), DIMENSION), dtype=np.float32)
    for row, text in zip(vectors, texts, strict=True):
        row[:] = _embed(text)
    return vectors


def _embed(text: str) -> Vector:
    counts = Counter(word for word in _WORD.findall(_folded(text)) if word not in _STOP_WORDS)
    if not counts:
        return np.zeros(DIMENSION, dtype=np.float32)
    places = [_places(word) for word in counts]
    weights = 1 + np.log(np.fromiter(counts.values(), dtype=np.float64))
    entries = np.bincount(
        np.frombuffer(b"".join(places), dtype=_PLACE),
        np.repeat(weights, [len(word_places) // _PLACE.itemsize for word_places in places]),
        minlength=2 * DIMENSION,
    )
    vector = entries[:DIMENSION] - entries[DIMENSION:]
    # All entries may cancel each other out, if hardly ever.
    length = np.linalg.norm(vector) or 1.0
    return (vector / length).astype(np.float32)


@lru_cache(maxsize=65_536)
def _places(word: str) -> bytes:
    """Return where a word's vector has entries; beyond `DIMENSION` stand the negative ones.

    As the bytes of an array of `_PLACE`: a quarter of the memory, and joined in a tenth of the
    time.
    """
    # The word itself counts twice.
    own = _place(f"word {word}")
    places = [own, own, *map(_place_of_piece, _pieces(word))]
    return np.array(places, dtype=_PLACE).tobytes()


def _pieces(word: str) -> Iterator[str]:
    marked = f"<{word[:_LONGEST_WORD]}>"
    for length in _PIECE_LENGTHS:
        for start in range(len(marked) - length + 1):
            yield marked[start : start + length]


def _place(feature: str) -> int:
    digest = blake2b(feature.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % (2 * DIMENSION)


# Words share their pieces: looking one up takes a tenth of the time of hashing it.
_place_of_piece = lru_cache(maxsize=131_072)(_place)


def _folded(text: str) -> str:
    """Return the text without case and accents."""
    if text.isascii():
        return text.lower()
    return _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
