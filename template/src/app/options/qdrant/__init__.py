"""Qdrant as the store: dense and sparse vectors on a server that several replicas share."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.options.qdrant.settings import QdrantSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.config.settings import Settings
    from app.registry import Registry
    from gwkit.index.store import Index, Manifest

__all__ = ["register"]


def register(registry: Registry) -> None:
    """Add the store and its settings."""
    registry.settings.add("qdrant", QdrantSettings)
    registry.stores.add("qdrant", _open)


@asynccontextmanager
async def _open(settings: Settings, manifest: Manifest, *, rebuild: bool) -> AsyncIterator[Index]:
    from app.options.qdrant.index import QdrantIndex

    group = settings.group(QdrantSettings)
    async with await QdrantIndex.open(group, manifest, rebuild=rebuild) as index:
        yield index
