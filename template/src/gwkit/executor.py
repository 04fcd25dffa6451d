"""Runs a caller's work in a few threads with a bounded queue, until the caller has gone."""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import partial
from threading import BoundedSemaphore, Event
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from gwkit.errors import OverloadError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BoundedExecutor", "checkpoint", "is_abandoned"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_abandoned: ContextVar[Event | None] = ContextVar("abandoned", default=None)


class BoundedExecutor:
    """A few threads with a bounded queue, apart from those that the event loop itself needs.

    Args:
        threads: jobs at a time.
        name: what the threads' names begin with.
        most_waiting: jobs that wait for a thread; a further one is refused.
    """

    def __init__(self, threads: int, *, name: str, most_waiting: int = 1_000) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._room = BoundedSemaphore(threads + most_waiting)

    async def run(self, job: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Return what a job returns, run in a thread and in a copy of the caller's context.

        When the caller is cancelled, a job that waits is dropped, and one that runs ends at its
        next `checkpoint`.

        Raises:
            CancelledError: the caller was cancelled.
            OverloadError: too many jobs wait.
        """
        if not self._room.acquire(blocking=False):
            raise OverloadError
        context, abandoned = copy_context(), Event()
        context.run(_abandoned.set, abandoned)
        future = self._threads.submit(partial(context.run, job, *args, **kwargs))
        future.add_done_callback(lambda _: self._room.release())
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            abandoned.set()
            raise

    def close(self) -> None:
        """Let the jobs end; blocks until they have."""
        self._threads.shutdown()


def is_abandoned() -> bool:
    """Return whether the caller of this job has gone."""
    abandoned = _abandoned.get()
    return abandoned is not None and abandoned.is_set()


def checkpoint() -> None:
    """End a job whose caller has gone; what can take long calls this now and then.

    Raises:
        CancelledError: the caller has gone.
    """
    if is_abandoned():
        raise CancelledError
