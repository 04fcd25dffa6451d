"""Measure how long the calls of a function take, and how much memory a block of code takes."""

from __future__ import annotations

import inspect
import tracemalloc
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from time import perf_counter
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MemoryProfile", "TimingSink", "measure", "timed"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

TimingSink = Callable[[str, float], None]
"""Takes a function's qualified name and how long one call took, in milliseconds."""


def timed(sink: TimingSink) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Measure every call of a function, also one that raises, and keep its signature and types.

    `@timed(sink)` hands each duration to a log or a histogram. A coroutine function is measured
    from its first step to its last, the time it waits included.

    Raises:
        TypeError: the function is a generator function, whose call does no work yet.
    """

    @contextmanager
    def measured(name: str) -> Iterator[None]:
        start = perf_counter()
        try:
            yield
        finally:
            sink(name, (perf_counter() - start) * 1_000)

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        name = function.__qualname__
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{name} is a generator: time what consumes it")
        if not inspect.iscoroutinefunction(function):
            return measured(name)(function)

        @wraps(function)
        async def finish(*args: _P.args, **kwargs: _P.kwargs) -> object:
            with measured(name):
                return await function(*args, **kwargs)

        # _R is the coroutine type here, which a checker cannot conclude from the test above.
        return finish  # type: ignore[return-value]

    return decorate


@dataclass(slots=True)
class MemoryProfile:
    """The memory that a block allocated, in bytes, counted from the block's start.

    `current_bytes` is what was still held at the end (negative where more was released than
    taken); `peak_bytes` is the most that was held at any moment. Both are there when the block has
    ended, and 0 where measuring is off. Other threads' allocations during the block count as well.
    """

    current_bytes: int = 0
    peak_bytes: int = 0


_open: list[MemoryProfile] = []
"""The blocks that are open, each with the highest total since its start as its peak."""


@contextmanager
def measure(*, enabled: bool = True) -> Iterator[MemoryProfile]:
    """Measure the block; blocks may be nested, and belong to one thread and task at a time.

    Tracing slows allocation down several times over. Where `enabled` is false nothing is traced
    and the block costs next to nothing, so a flag may stay in the code.
    """
    profile = MemoryProfile()
    if not enabled:
        yield profile
        return
    if begun := not tracemalloc.is_tracing():
        tracemalloc.start()
    start = profile.peak_bytes = _held_bytes()
    _open.append(profile)
    try:
        yield profile
    finally:
        profile.current_bytes = _held_bytes() - start
        profile.peak_bytes -= start
        _open.pop()
        if begun:
            tracemalloc.stop()


def _held_bytes() -> int:
    """Return the total now; `tracemalloc` has one peak for all blocks, so each takes note of it."""
    held, peak = tracemalloc.get_traced_memory()
    for profile in _open:
        profile.peak_bytes = max(profile.peak_bytes, peak)
    tracemalloc.reset_peak()
    return held
