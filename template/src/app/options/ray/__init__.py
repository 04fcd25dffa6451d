"""Ray as the engine of ingestion: the machines of a cluster parse and embed documents."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.options.ray.settings import RaySettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.config.settings import Settings
    from app.ingestion.run import Engine
    from app.registry import PreparerOpener, Registry

__all__ = ["register"]


def register(registry: Registry) -> None:
    """Add the engine and its settings."""
    registry.settings.add("ray", RaySettings)
    registry.engines.add("ray", _open)


@asynccontextmanager
async def _open(settings: Settings, preparer: PreparerOpener) -> AsyncIterator[Engine]:
    from app.options.ray.engine import RayEngine

    async with RayEngine.open(settings, preparer) as engine:
        yield engine
