"""How long a call may take, and a stream for its next piece."""

from __future__ import annotations

import asyncio
import math
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from gwkit.errors import ProviderTimeoutError
from gwkit.resilience.current_call import remaining_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable

_T = TypeVar("_T")

__all__ = ["StreamTimeout", "in_time"]


class StreamTimeout:
    """Waits for the pieces of one stream, each so long, and not beyond the call's deadline.

    One timer serves all of them: `asyncio.timeout` around each piece would take longer than
    everything else that the service does for it. It cancels the task that waits, and only then.

    Args:
        seconds: longest wait for a piece.
        model: who is waited for.
    """

    def __init__(self, seconds: float, *, model: str) -> None:
        self._seconds = seconds
        self._model = model
        self._due = math.inf
        self._waiting: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._expired = False

    async def next_of(self, pieces: AsyncGenerator[_T]) -> _T | None:
        """Return the next piece, or `None` at the end.

        Raises:
            ProviderTimeoutError: it did not come in time; the stream is ended.
            CancelledError: the reader was cancelled from outside.
            InvalidStateError: no task is reading.
        """
        seconds = max(0.0, min(self._seconds, remaining_seconds()))
        task = asyncio.current_task()
        if task is None:
            raise asyncio.InvalidStateError("a stream is read by a task")
        cancelling = task.cancelling()
        self._due, self._waiting = monotonic() + seconds, task
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._look)
        try:
            return await anext(pieces, None)
        except asyncio.CancelledError as exc:
            if self._expired and task.uncancel() <= cancelling:
                raise ProviderTimeoutError(
                    f"{self._model} sent nothing for {seconds:.3g} seconds"
                ) from exc
            raise
        finally:
            self._waiting = None

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        """Cancel a wait that is over, or look again when the present one would be."""
        self._timer = None
        if self._waiting is None:
            return
        if (left := self._due - monotonic()) > 0:
            self._timer = asyncio.get_running_loop().call_later(left, self._look)
        else:
            self._expired = True
            self._waiting.cancel()


async def in_time(work: Awaitable[_T], seconds: float, *, model: str) -> _T:
    """Return the result of `work`, waiting so long, and not beyond the call's deadline.

    Raises:
        ProviderTimeoutError: it took longer.
    """
    seconds = max(0.0, min(seconds, remaining_seconds()))
    try:
        async with asyncio.timeout(seconds if seconds < math.inf else None):
            return await work
    except TimeoutError as exc:
        raise ProviderTimeoutError(f"{model} sent nothing for {seconds:.3g} seconds") from exc
