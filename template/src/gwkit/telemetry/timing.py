"""Time a function's calls: one decorator for plain and for coroutine functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import TYPE_CHECKING, ParamSpec, TypeVar, overload

import structlog

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["TimingSink", "timed"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

TimingSink = Callable[[str, float], None]
"""Takes a function's qualified name and how long one call took, in milliseconds."""

_log = structlog.stdlib.get_logger(__name__)


@overload
def timed(function: Callable[_P, _R], /) -> Callable[_P, _R]: ...


@overload
def timed(*, sink: TimingSink) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]: ...


def timed(
    function: Callable[_P, _R] | None = None, /, *, sink: TimingSink | None = None
) -> Callable[_P, _R] | Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Measure every call of a function, also one that raises, and keep its signature and types.

    Use it bare, `@timed`, to log `function_timed` at DEBUG, or as `@timed(sink=...)` to hand each
    duration to something else, such as a histogram. A coroutine function is measured from its
    first step to its last, the time it waits included.

    Raises:
        TypeError: the function is a generator function, whose call does no work yet.
    """
    report = _log_duration if sink is None else sink
    if function is None:
        return lambda decorated: _measured(decorated, report)
    return _measured(function, report)


def _measured(function: Callable[_P, _R], report: TimingSink) -> Callable[_P, _R]:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{function.__qualname__} is a generator: time what consumes it")
    if inspect.iscoroutinefunction(function):
        # _R is the coroutine type here, which a checker cannot conclude from the test above.
        return _measured_coroutine(function, report)  # type: ignore[return-value]
    name = function.__qualname__

    @wraps(function)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        start = perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            report(name, (perf_counter() - start) * 1_000)

    return wrapper


def _measured_coroutine(
    function: Callable[_P, Coroutine[object, object, _R]], report: TimingSink
) -> Callable[_P, Coroutine[object, object, _R]]:
    name = function.__qualname__

    @wraps(function)
    async def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        start = perf_counter()
        try:
            return await function(*args, **kwargs)
        finally:
            report(name, (perf_counter() - start) * 1_000)

    return wrapper


def _log_duration(name: str, milliseconds: float) -> None:
    _log.debug("function_timed", function=name, latency_ms=round(milliseconds, 3))
