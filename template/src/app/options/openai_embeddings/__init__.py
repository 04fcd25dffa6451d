"""Embeddings of OpenAI, and of servers that speak its protocol: TEI, Ollama, a gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.options.openai_embeddings.settings import KNOWN_DIMENSIONS, EmbeddingSettings

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from app.config.settings import Settings
    from app.registry import Registry
    from gwkit.models.protocols import Embedder

__all__ = ["register"]


def register(registry: Registry) -> None:
    """Add the embedders and their settings."""
    registry.settings.add("openai_embeddings", EmbeddingSettings)
    registry.embedders.add("openai:*", _open_embedder)


def _open_embedder(name: str, settings: Settings) -> AbstractAsyncContextManager[Embedder]:
    from app.options.openai.session import open_session
    from app.options.openai_embeddings.embeddings import OpenAIEmbedder

    # One of them is there: the settings were checked for it.
    dimension = settings.group(EmbeddingSettings).embedding_dimension or KNOWN_DIMENSIONS[name]
    return OpenAIEmbedder(name.partition(":")[2], open_session(name, settings), dimension=dimension)
