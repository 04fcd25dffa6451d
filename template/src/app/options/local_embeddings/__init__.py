"""Embeddings by a model in this process, from files in a folder: ONNX Runtime, without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.options.local_embeddings.settings import LocalEmbeddingSettings

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from app.config.settings import Settings
    from app.registry import Registry
    from gwkit.models.protocols import Embedder

__all__ = ["register"]


def register(registry: Registry) -> None:
    """Add the embedders and their settings."""
    registry.settings.add("local_embeddings", LocalEmbeddingSettings)
    registry.embedders.add("local:*", _open_embedder)


def _open_embedder(name: str, settings: Settings) -> AbstractAsyncContextManager[Embedder]:
    from app.options.local_embeddings.embedder import LocalEmbedder

    return LocalEmbedder.open(name, settings.group(LocalEmbeddingSettings))
