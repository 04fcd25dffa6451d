"""Trying again what can succeed when it is tried again."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, TypeVar

import structlog
from tenacity import AsyncRetrying, retry_if_exception, wait_random_exponential

from gwkit.errors import (
    BudgetExceededError,
    InvalidResponseError,
    ModelUnavailableError,
    ProviderError,
)
from gwkit.resilience.current_call import remaining_seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenacity import RetryCallState

    from gwkit.errors import LLMError

__all__ = ["Retry"]

_log = structlog.stdlib.get_logger(__name__)

_T = TypeVar("_T")

_MAY_PASS = (InvalidResponseError, ProviderError)


class Retry:
    """Runs attempts until one succeeds, none can, or there is no time for another.

    - A `ProviderError` that is `passing` is tried again: 408, 409, 429, 5xx, timeouts, connections.
    - An `InvalidResponseError` is tried again once, because a model may do better the second time.
    - Anything else is raised as it is, and so is what was refused here, without a call.

    Before the n-th retry passes a random time of up to `base_seconds` x 2^(n-1) ("full jitter",
    Brooker 2015), or as long as the provider told and up to `base_seconds` more. Where that would
    end after the call's deadline, the error is raised at once.

    Args:
        model: what the log says is tried.
        attempts: most attempts, the first included.
        base_seconds: the first wait is up to this long.
        most_seconds: longest wait that a provider has not told.
        sleep: how to wait.
    """

    def __init__(
        self,
        model: str,
        *,
        attempts: int,
        base_seconds: float = 0.5,
        most_seconds: float = 20.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._model = model
        self._attempts = attempts
        self._base_seconds = base_seconds
        self._backoff = wait_random_exponential(multiplier=base_seconds, max=most_seconds)
        self._sleep = sleep

    async def run(self, attempt: Callable[[], Awaitable[_T]]) -> _T:
        """Return what the first attempt that succeeds returns; the last one's error goes on."""
        invalid = 0

        def may_pass(error: BaseException) -> bool:
            nonlocal invalid
            if isinstance(error, InvalidResponseError):
                invalid += 1
                return invalid == 1
            refused_here = isinstance(error, ModelUnavailableError | BudgetExceededError)
            return isinstance(error, ProviderError) and error.passing and not refused_here

        try:
            # Most attempts are the first and succeed, and need none of what follows.
            return await attempt()
        except _MAY_PASS as exc:
            failed: list[LLMError] = [exc]

        async def attempted() -> _T:
            if failed:
                raise failed.pop()
            return await attempt()

        retrying = AsyncRetrying(
            sleep=self._sleep,
            stop=self._is_last,
            wait=self._wait,
            retry=retry_if_exception(may_pass),
            before_sleep=self._report,
            reraise=True,
        )
        return await retrying(attempted)

    def _wait(self, state: RetryCallState) -> float:
        error = _error(state)
        told = error.retry_after if isinstance(error, ProviderError) else None
        if told is None:
            return self._backoff(state)
        # Everybody was told the same, and should not come back at the same moment.
        return told + random.uniform(0, self._base_seconds)  # noqa: S311 - no secret

    def _is_last(self, state: RetryCallState) -> bool:
        return state.attempt_number >= self._attempts or state.upcoming_sleep >= remaining_seconds()

    def _report(self, state: RetryCallState) -> None:
        _log.warning(
            "llm_attempt_failed",
            model=self._model,
            attempt=state.attempt_number,
            error=type(_error(state)).__name__,
            status=getattr(_error(state), "status", None),
            wait_seconds=round(state.upcoming_sleep, 3),
        )


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
