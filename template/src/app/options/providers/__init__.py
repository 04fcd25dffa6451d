"""Shared by all providers of models: settings of calls, and guards around the models."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.options.providers.settings import CallSettings
from app.registry import GuardedModels

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from app.config.settings import Settings
    from app.registry import Registry
    from gwkit.models.protocols import ChatModel, Embedder
    from gwkit.models.spending import Spending
    from gwkit.telemetry.metrics import Metrics

__all__ = ["register"]


def register(registry: Registry) -> None:
    """Add the guards and their settings."""
    registry.settings.add("calls", CallSettings)
    registry.guards.add("resilience", _Resilience())


class _Resilience:
    """Retries, limits, budgets, a circuit breaker, and a cache of embeddings."""

    def fallbacks(self, settings: Settings) -> Sequence[str]:
        return settings.group(CallSettings).fallback_models

    @asynccontextmanager
    async def open(
        self,
        settings: Settings,
        metrics: Metrics,
        models: Sequence[ChatModel],
        embedder: Embedder,
        *,
        spending: Spending | None,
    ) -> AsyncIterator[GuardedModels]:
        from app.options.providers.guards import ResilientGuards

        async with ResilientGuards.open(settings, metrics, spending) as guards:
            yield GuardedModels(
                guards.chat_model(models), guards.embedder(embedder), guards.window_tokens(models)
            )
