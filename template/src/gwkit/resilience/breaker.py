"""A circuit breaker: a provider that keeps failing is left alone for a while, then probed.

An own one, for what the libraries lack: that a call which its caller abandoned says nothing, that
a half-open circuit lets through so many probes and no more, and that calls which began before a
change of state do not undo it.
"""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from gwkit.errors import ModelUnavailableError, ProviderError, RateLimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gwkit.telemetry.metrics import Metrics

__all__ = ["Circuit", "CircuitBreaker"]

_log = structlog.stdlib.get_logger(__name__)


class Circuit(StrEnum):
    """The state of a breaker (Nygard, Release It!, 2007)."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Guards the attempts at one model.

    Closed, it lets every attempt through, and opens after `failures` in a row. Open, it refuses
    every attempt for `cooldown_seconds`. Then, half-open, it lets `probes` through at a time: the
    first that is answered closes it, the first that fails opens it again.

    A failure is a passing `ProviderError`: 5xx, a timeout, a broken connection. A provider that
    answers is well, also where it answers with 400 or 429. An attempt that was cancelled says
    nothing.

    Args:
        model: the model, for the log and the metrics.
        failures: how many in a row open the circuit.
        cooldown_seconds: how long it stays open.
        probes: attempts at a time while it is half-open.
        metrics: counts the changes of state, if given; the log has them in any case.
        clock: seconds, as `time.monotonic`.
    """

    def __init__(
        self,
        model: str,
        *,
        failures: int,
        cooldown_seconds: float,
        metrics: Metrics | None = None,
        probes: int = 1,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._model = model
        self._most_failures = failures
        self._cooldown_seconds = cooldown_seconds
        self._most_probes = probes
        self._metrics = metrics
        self._clock = clock
        self._state = Circuit.CLOSED
        self._opened_at = 0.0
        self._failures = 0
        self._probes = 0
        # Counts the changes of state: an attempt that began before the last one is not listened to.
        self._era = 0

    @property
    def state(self) -> Circuit:
        """The state that the next attempt will find."""
        if self._state is Circuit.OPEN and self._wait_seconds() <= 0:
            return Circuit.HALF_OPEN
        return self._state

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Return a context manager for one attempt, which learns from how it ends.

        Raises:
            ModelUnavailableError: on entering; the circuit is open, or its probes are under way.
        """
        era = self._begin()
        try:
            yield
        except Exception as exc:
            failed = isinstance(exc, ProviderError) and exc.passing
            self._end(era, failed=failed and not isinstance(exc, RateLimitError))
            raise
        except BaseException:
            self._end(era, failed=None)
            raise
        else:
            self._end(era, failed=False)

    def _begin(self) -> int:
        if self._state is Circuit.OPEN and self._wait_seconds() <= 0:
            self._change(Circuit.HALF_OPEN)
        if self._state is Circuit.OPEN or (
            self._state is Circuit.HALF_OPEN and self._probes >= self._most_probes
        ):
            raise ModelUnavailableError(
                f"{self._model} keeps failing and is left alone for a while",
                retry_after=max(1.0, self._wait_seconds()),
            )
        self._probes += self._state is Circuit.HALF_OPEN
        return self._era

    def _end(self, era: int, *, failed: bool | None) -> None:
        if era != self._era:
            return
        self._probes = max(0, self._probes - 1)
        if failed is None:
            return
        self._failures = self._failures + 1 if failed else 0
        if failed and (self._state is Circuit.HALF_OPEN or self._failures >= self._most_failures):
            self._opened_at = self._clock()
            self._change(Circuit.OPEN)
        elif not failed and self._state is Circuit.HALF_OPEN:
            self._change(Circuit.CLOSED)

    def _wait_seconds(self) -> float:
        return self._opened_at + self._cooldown_seconds - self._clock()

    def _change(self, state: Circuit) -> None:
        self._state = state
        self._era += 1
        self._failures = self._probes = 0
        if self._metrics is not None:
            self._metrics.count("llm_circuit_changes_total", model=self._model, state=state)
        _log.warning("llm_circuit_changed", model=self._model, state=state.value)
