"""Time a function's calls: one decorator for plain and for coroutine functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import contextmanager
from functools import wraps
from time import perf_counter
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TimingSink", "timed"]

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
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def finish(*args: _P.args, **kwargs: _P.kwargs) -> object:
                with measured(name):
                    return await function(*args, **kwargs)

            # _R is the coroutine type here, which a checker cannot conclude from the test above.
            return finish  # type: ignore[return-value]

        @wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with measured(name):
                return function(*args, **kwargs)

        return call

    return decorate
