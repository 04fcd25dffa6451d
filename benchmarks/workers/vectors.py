"""Vectors for searches whose texts do not matter: texts with common words have near vectors."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zlib import crc32

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwkit.models.protocols import Vector, Vectors

__all__ = ["WordVectors"]

_DIMENSION: Final = 512


class WordVectors:
    """An embedder: the sum of a random direction for each word, brought to length 1."""

    name = "bench:words"
    dimension = _DIMENSION
    rank_weight = 1.0

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text."""
        return np.stack([await self.embed_query(text) for text in texts])

    async def embed_query(self, text: str) -> Vector:
        """Return a text's vector."""
        total = sum(map(_direction, text.lower().split()), np.zeros(_DIMENSION, dtype=np.float32))
        unit: Vector = total / (np.linalg.norm(total) or np.float32(1))
        return unit


@lru_cache(maxsize=100_000)
def _direction(word: str) -> Vector:
    random = np.random.default_rng(crc32(word.encode()))
    return random.standard_normal(_DIMENSION, dtype=np.float32)
