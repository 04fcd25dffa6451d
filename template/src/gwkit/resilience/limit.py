"""A limit on the calls at a time, with a queue that is fair and not endless."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gwkit.errors import ModelUnavailableError
from gwkit.resilience.current_call import remaining_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["CallLimit"]


class CallLimit:
    """Lets through so many calls of a model at a time; who came first goes first.

    Args:
        model: the model, for the error.
        most: calls at a time.
        wait_seconds: how long a call may wait for its turn.
        variable: of the setting that has `most`, for the error.
    """

    def __init__(
        self,
        model: str,
        *,
        most: int,
        wait_seconds: float,
        variable: str = "APP_LLM_CONCURRENCY",
    ) -> None:
        self._model = model
        self._wait_seconds = wait_seconds
        self._variable = variable
        # Wakes its waiters in the order in which they came.
        self._slots = asyncio.Semaphore(most)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Return a context manager that holds one of the calls.

        Raises:
            ModelUnavailableError: on entering; none became free in time.
        """
        if self._slots.locked():
            await self._wait()
        else:
            await self._slots.acquire()
        try:
            yield
        finally:
            self._slots.release()

    async def _wait(self) -> None:
        seconds = max(0.0, min(self._wait_seconds, remaining_seconds()))
        try:
            async with asyncio.timeout(seconds):
                await self._slots.acquire()
        except TimeoutError as exc:
            raise ModelUnavailableError(
                f"{self._model} is at its limit of calls at a time ({self._variable})",
                retry_after=1.0,
            ) from exc
