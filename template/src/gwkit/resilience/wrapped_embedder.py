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

    @property
    def name(self) -> str:
        """The wrapped embedder's name."""
        return self._embedder.name

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._embedder.dimension

    @property
    def rank_weight(self) -> float:
        """The weight of a rank by these vectors."""
        return self._embedder.rank_weight
