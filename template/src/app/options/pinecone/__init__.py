"""Pinecone as the store: a managed index that several replicas share."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.options.pinecone.settings import PineconeSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.config.settings import Settings
    from app.registry import Registry
    from gwkit.index.store import Index, Manifest

__all__ = ["register"]


def register(registry: Registry) -> None:
    """Add the store and its settings."""
    registry.settings.add("pinecone", PineconeSettings)
    registry.stores.add("pinecone", _open)


@asynccontextmanager
async def _open(settings: Settings, manifest: Manifest, *, rebuild: bool) -> AsyncIterator[Index]:
    from app.options.pinecone.index import PineconeIndex

    group = settings.group(PineconeSettings)
    async with await PineconeIndex.open(group, manifest, rebuild=rebuild) as index:
        yield index
