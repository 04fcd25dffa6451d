"""The attributes that every wrapper of an embedder passes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gwkit.models.protocols import Embedder

__all__ = ["WrappedEmbedder"]


class WrappedEmbedder:
    """The base of wrappers: what describes the vectors is what describes the embedder's own.

    Args:
        embedder: what is wrapped.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.name = embedder.name
        self.dimension = embedder.dimension
        self.rank_weight = embedder.rank_weight
