"""PostgreSQL with pgvector as the store: several replicas share one index, and their limits."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.options.pgvector.settings import PgvectorSettings
from app.registry import SharedCounts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.config.settings import Settings
    from app.registry import Registry
    from gwkit.index.store import Index, Manifest

__all__ = ["register"]


def register(registry: Registry) -> None:
    """Add the store, limits shared by replicas, and the settings."""
    registry.settings.add("pgvector", PgvectorSettings)
    registry.stores.add("pgvector", _open)
    registry.limits.add("postgresql", _open_counts)


@asynccontextmanager
async def _open(settings: Settings, manifest: Manifest, *, rebuild: bool) -> AsyncIterator[Index]:
    from app.options.pgvector.index import PgvectorIndex

    group = settings.group(PgvectorSettings)
    async with await PgvectorIndex.open(group, manifest, rebuild=rebuild) as index:
        yield index


@asynccontextmanager
async def _open_counts(_name: str, settings: Settings) -> AsyncIterator[SharedCounts]:
    from app.options.pgvector.limits import PostgresCounts

    async with PostgresCounts.open(settings.group(PgvectorSettings)) as counts:
        yield SharedCounts(counts, counts)
