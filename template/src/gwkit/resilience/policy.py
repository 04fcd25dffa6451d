"""How a model is called: in its turn, within its time, again where that helps."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gwkit.resilience.breaker import CircuitBreaker
from gwkit.resilience.current_call import note_attempt
from gwkit.resilience.limit import CallLimit
from gwkit.resilience.retry import Retry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gwkit.resilience.budget import DailyBudget
    from gwkit.telemetry.metrics import Metrics

__all__ = ["CallPolicy", "CallSettings"]


class CallSettings(Protocol):
    """Settings of the attempts at a model."""

    @property
    def llm_attempt_timeout_seconds(self) -> float:
        """Longest wait for a reply or its next piece, in seconds."""

    @property
    def llm_attempts(self) -> int:
        """Most attempts of a call."""

    @property
    def llm_circuit_failures(self) -> int:
        """Failures in a row that open the circuit."""

    @property
    def llm_circuit_seconds(self) -> float:
        """How long the circuit stays open, in seconds."""

    @property
    def llm_concurrency(self) -> int:
        """Calls of one model at a time."""

    @property
    def llm_queue_seconds(self) -> float:
        """Longest wait for a free place, in seconds."""


@dataclass(frozen=True, slots=True)
class CallPolicy:
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
    def of(
        cls, model: str, settings: CallSettings, metrics: Metrics, budget: DailyBudget | None = None
    ) -> CallPolicy:
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
    async def attempt(self) -> AsyncIterator[None]:
        """Return a context manager for one attempt.

        The breaker is asked last, for a wait may have changed its mind; and a retry waits outside
        of the limit, so that it does not hold a place.

        Raises:
            ModelUnavailableError: on entering; nothing may be sent now.
            BudgetExceededError: on entering; nothing may be sent on this day.
        """
        if self.budget is not None:
            await self.budget.refresh()
            self.budget.check()
        async with self.limit.slot():
            with self.breaker.guarding():
                note_attempt()
                yield
