"""The embedder of a service that searches by words alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwkit.models.protocols import Vector, Vectors

__all__ = ["NoEmbedder"]


class NoEmbedder:
    """The embedder `offline:none`: its vectors have no dimensions, so nothing compares them."""

    name = "offline:none"
    """The embedder's name in the manifest of an index."""

    dimension = 0
    """Length of every vector."""

    rank_weight = 1.0
    """Of no effect: there is no ranking by these vectors."""

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return an empty row for each text."""
        return np.empty((len(texts), 0), dtype=np.float32)

    async def embed_query(self, text: str) -> Vector:
        """Return an empty vector."""
        _ = text
        return np.empty(0, dtype=np.float32)
