"""A reranker on a server with the common `/rerank` request: TEI, vLLM, Infinity, Cohere, Jina."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.options.http_reranker.settings import RerankSettings

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from app.config.settings import Settings
    from app.registry import Registry
    from app.retrieval.retriever import Reranker

__all__ = ["register"]


def register(registry: Registry) -> None:
    """Add the reranker, with and without the name of a model, and its settings."""
    registry.settings.add("http_reranker", RerankSettings)
    registry.rerankers.add("http", _open)
    registry.rerankers.add("http:*", _open)


def _open(name: str, settings: Settings) -> AbstractAsyncContextManager[Reranker]:
    from app.options.http_reranker.reranker import HttpReranker

    return HttpReranker(name, settings.group(RerankSettings))
