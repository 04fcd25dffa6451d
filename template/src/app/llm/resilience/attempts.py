"""How a model is called: in its turn, within its time, again where that helps."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.llm.calls import note_attempt
from app.llm.resilience.breaker import CircuitBreaker
from app.llm.resilience.limit import CallLimit
from app.llm.resilience.retry import Retry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.config.settings import Settings
    from app.llm.resilience.budget import DailyBudget
    from app.telemetry.metrics import Metrics

__all__ = ["Attempts"]


@dataclass(frozen=True, slots=True)
class Attempts:
    """The parts around every attempt at one model, shared by all of its calls.

    `timeout_seconds` is the longest wait for a reply and, in a stream, for its next piece.
    """

    model: str
    timeout_seconds: float
    retry: Retry
    breaker: CircuitBreaker
    limit: CallLimit
    budget: DailyBudget | None = None

    @classmethod
    def at(
        cls, model: str, settings: Settings, metrics: Metrics, budget: DailyBudget | None = None
    ) -> Attempts:
        """Return the parts for a model as the settings want them."""
        return cls(
            model=model,
            timeout_seconds=settings.llm_attempt_timeout_seconds,
            retry=Retry(model, attempts=settings.llm_attempts),
            breaker=CircuitBreaker(
                model,
                failures=settings.llm_circuit_failures,
                cooldown_seconds=settings.llm_circuit_seconds,
                metrics=metrics,
            ),
            limit=CallLimit(
                model, most=settings.llm_concurrency, wait_seconds=settings.llm_queue_seconds
            ),
            budget=budget,
        )

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Return a context manager for one attempt.

        The breaker is asked last, for a wait may have changed its mind; and a retry waits outside
        of the limit, so that it holds nobody up.

        Raises:
            ModelUnavailableError: on entering; nothing may be sent now.
            BudgetExceededError: on entering; nothing may be sent on this day.
        """
        if self.budget is not None:
            self.budget.check()
        async with self.limit.slot():
            with self.breaker.guarding():
                note_attempt()
                yield
