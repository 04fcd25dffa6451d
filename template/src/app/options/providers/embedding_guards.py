"""Puts around a provider's embedder what the settings want."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gwkit.resilience.batching import BatchingEmbedder
from gwkit.resilience.embedding_cache import CachedEmbedder
from gwkit.resilience.embeddings import ResilientEmbedder
from gwkit.resilience.observed_embedder import ObservedEmbedder

if TYPE_CHECKING:
    from app.config.settings import Settings
    from app.options.providers.guards import Guards
    from gwkit.models.ports import Embedder
    from gwkit.telemetry.metrics import Metrics

__all__ = ["guarded_embedder"]


def guarded_embedder(
    embedder: Embedder, guards: Guards, settings: Settings, metrics: Metrics
) -> Embedder:
    """Return an embedder that survives what its provider does, and pays for no text twice.

    One of the provider `offline` is returned as it is.
    """
    if guards.store is None or embedder.name.startswith("offline:"):
        return embedder
    resilient = ResilientEmbedder(
        embedder,
        guards.attempts(embedder.name),
        timeout_seconds=settings.llm_timeout_seconds,
    )
    observed = ObservedEmbedder(resilient, metrics=metrics, charge=guards.charge(embedder.name))
    cached = CachedEmbedder(observed, guards.store, metrics=metrics)
    # Outermost, so that each batch is kept as soon as it is paid for.
    return BatchingEmbedder(
        cached,
        most_texts=settings.embedding_batch_texts,
        most_tokens=settings.embedding_batch_tokens,
    )
