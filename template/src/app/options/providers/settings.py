"""The settings of calls to providers: how long, how often, how many at a time, and for how much."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from app.config.groups import ModelName, SettingsGroup
from app.config.paths import UserPath

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config.settings import Settings

__all__ = ["CallSettings"]


class CallSettings(SettingsGroup):
    """Calls to providers."""

    fallback_models: tuple[ModelName, ...] = Field(
        default=(), max_length=10, examples=['["offline:extractive"]']
    )
    """Chat models to ask, in this order, where the default one fails."""

    llm_timeout_seconds: float = Field(default=28.0, gt=0, le=600)
    """Longest time of a request to the models, with every attempt at every model, in seconds; keep
    it below APP_TIMEOUT_SECONDS."""

    llm_attempt_timeout_seconds: float = Field(default=20.0, gt=0, le=600)
    """Longest wait of an attempt for its reply and, in a stream, for the next piece, in seconds."""

    llm_attempts: int = Field(default=3, ge=1, le=10)
    """Most attempts at one model for a request."""

    llm_concurrency: int = Field(default=16, ge=1, le=10_000)
    """Calls of one model at a time; others queue."""

    llm_queue_seconds: float = Field(default=5.0, gt=0, le=600)
    """Longest wait in that queue, in seconds."""

    llm_circuit_failures: int = Field(default=5, ge=1, le=1_000)
    """Failures of a model in a row after which it is left alone."""

    llm_circuit_seconds: float = Field(default=30.0, gt=0, le=3_600)
    """How long it is left alone before one call probes it, in seconds."""

    daily_tokens: int | None = Field(default=None, ge=1, le=1_000_000_000_000, examples=["5000000"])
    """Most tokens of a day (UTC), of all models together; any number by default."""

    daily_cost_usd: float | None = Field(default=None, gt=0, le=1_000_000, examples=["20"])
    """Most US dollars of a day (UTC), by list prices; any sum by default."""

    paid_path: UserPath = Path("var/paid.sqlite")
    """The SQLite file with what was paid for: embeddings, and what each day cost."""

    embedding_batch_texts: int = Field(default=128, ge=1, le=2_048)
    """Most texts in a request for embeddings."""

    embedding_batch_tokens: int = Field(default=100_000, ge=100, le=1_000_000)
    """Most tokens in a request for embeddings (estimated)."""

    def problems(self, settings: Settings) -> Iterator[str]:
        """Yield what does not fit together, each line with the variables that it is about."""
        _ = settings
        if self.llm_attempt_timeout_seconds > self.llm_timeout_seconds:
            yield (
                f"APP_LLM_ATTEMPT_TIMEOUT_SECONDS ({self.llm_attempt_timeout_seconds:g}) must be "
                f"at most APP_LLM_TIMEOUT_SECONDS ({self.llm_timeout_seconds:g})"
            )
