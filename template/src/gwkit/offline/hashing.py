"""An embedder without a model: it hashes words and the pieces of words.

It knows how words are spelt and nothing of what they mean: texts are near when they share words,
forms of words, or words with a typing error. Beside a full-text search that makes up for what
exact words miss; a real embedding model is one setting away.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, filterfalse
from typing import TYPE_CHECKING

import numpy as np

from gwkit.executor import BoundedExecutor
from gwkit.text.normalization import normalize
from gwkit.text.words import FUNCTION_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gwkit.models.protocols import Vector, Vectors

__all__ = ["DIMENSION", "HashingEmbedder"]

DIMENSION = 512
"""Length of the vectors: with fewer, unrelated texts come near by chance."""

_HASH = np.dtype("<u8")
_PLACE = np.dtype("<u2")
_PIECE_LENGTHS = (3, 4, 5)
# What is longer is no word of a language, and its pieces would drown those of the words.
_LONGEST_WORD = 40
_LONGEST_QUERY_ON_LOOP = 2_000
_TEXTS_AT_ONCE = 32

_WORD = re.compile(r"[^\W_]+")
_ACCENTS = re.compile(r"[\u0300-\u036f]+")
_ASCII_FOLDED = {code: chr(code).lower() if _WORD.match(chr(code)) else " " for code in range(128)}


class HashingEmbedder:
    """The embedder `offline:hashing`: feature hashing with signs.

    A text's vector is the sum of its words' vectors, each times 1 + ln(how often the word
    occurs), brought to length 1. A word's vector has one signed entry for the word and one for
    each of its pieces of 3 to 5 characters, its ends marked; so long words, which are the rarer
    ones, weigh more. The same text has the same vector in every process and Python version.

    Weinberger et al.: "Feature Hashing for Large Scale Multitask Learning", ICML 2009; Bojanowski
    et al.: "Enriching Word Vectors with Subword Information", TACL 2017, for the pieces.
    """

    name = "offline:hashing"
    """The embedder's name in the manifest of an index."""

    dimension = DIMENSION
    """Length of every vector."""

    rank_weight = 0.4
    """The weight of a rank by these vectors in a hybrid search.

    Where the words of a question are in the index, they are the better guide: on two question
    sets the fused ranking was no worse than by words alone with weights from 0.2 to 0.5, and
    a little worse with 1. Where they are misspelt the vectors find what words miss.
    """

    def __init__(self) -> None:
        self._executor = BoundedExecutor(2, name="embedder")

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text, in the order of the texts; computed in a thread, by and by.

        Raises:
            OverloadError: too much of this is to be done already.
        """
        vectors = np.empty((len(texts), DIMENSION), dtype=np.float32)
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            some = slice(start, start + _TEXTS_AT_ONCE)
            vectors[some] = await self._executor.run(_embed, texts[some])
        return vectors

    async def embed_query(self, text: str) -> Vector:
        """Return the vector to search with, which is the text's as a document."""
        if len(text) > _LONGEST_QUERY_ON_LOOP:
            vectors = await self.embed_documents([text])
        else:
            # A question takes less time than the way to a thread and back.
            vectors = _embed([text])
        vector: Vector = vectors[0]
        return vector


def _embed(texts: Sequence[str]) -> Vectors:
    """Embed texts together: most of the time was the way into numpy and back for each of them.

    What is summed for a text is summed in the same order as if it were alone, so that its vector
    is the same to the bit.
    """
    counts = [Counter(filterfalse(FUNCTION_WORDS.__contains__, _words(text))) for text in texts]
    places = [
        (_places if len(word) <= _LONGEST_WORD else _places.__wrapped__)(word)  # kept, or too long
        for count in counts
        for word in count
    ]
    sizes = np.fromiter(map(len, places), dtype=np.intp, count=len(places)) // _PLACE.itemsize
    occurrences = chain.from_iterable(count.values() for count in counts)
    weights = 1 + np.log(np.fromiter(occurrences, dtype=np.float64, count=len(places)))
    rows = np.repeat(np.arange(len(texts)), [len(count) for count in counts])
    entries = np.bincount(
        np.frombuffer(b"".join(places), dtype=_PLACE) + 2 * DIMENSION * np.repeat(rows, sizes),
        np.repeat(weights, sizes),
        minlength=2 * DIMENSION * len(texts),
    ).reshape(len(texts), 2, DIMENSION)
    vectors = entries[:, 0] - entries[:, 1]
    lengths = np.sqrt(np.vecdot(vectors, vectors))
    # Without words, or where all entries cancel each other out, which hardly ever happens.
    lengths[lengths == 0] = 1
    directions: Vectors = (vectors / lengths[:, np.newaxis]).astype(np.float32)
    return directions


@lru_cache(maxsize=65_536)
def _places(word: str) -> bytes:
    """Return where a word's vector has entries; beyond `DIMENSION` stand the negative ones.

    As the bytes of an array of `_PLACE`: a quarter of the memory, and joined in a tenth of the
    time.
    """
    own = _hashed(f"word {word}")
    # The word itself counts twice.
    hashes = b"".join([own, own, *map(_hashed, _pieces(word))])
    places = np.frombuffer(hashes, dtype=_HASH) % (2 * DIMENSION)
    return places.astype(_PLACE).tobytes()


def _pieces(word: str) -> Iterator[str]:
    marked = f"<{word[:_LONGEST_WORD]}>"
    for length in _PIECE_LENGTHS:
        for start in range(len(marked) - length + 1):
            yield marked[start : start + length]


def _hashed(feature: str) -> bytes:
    return blake2b(feature.encode(), digest_size=_HASH.itemsize).digest()


def _words(text: str) -> list[str]:
    """Return the words of a text without case and accents."""
    if text.isascii():
        # The same words in half of the time.
        return text.translate(_ASCII_FOLDED).split()
    return _WORD.findall(_ACCENTS.sub("", normalize("NFKD", text.casefold())))
