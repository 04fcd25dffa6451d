"""What every provider of models needs: settings of calls, and guards around the models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.options.providers.settings import CallSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from app.config.settings import Settings
    from app.registry import Guards, Registry
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

    def open(self, settings: Settings, metrics: Metrics) -> AbstractAsyncContextManager[Guards]:
        from app.options.providers.guards import ResilientGuards

        return ResilientGuards.open(settings, metrics)
