"""The request id: one per request, on every log line of that request.

`gwkit.http.middleware` binds it as one of structlog's context variables, so tasks inherit it, and
so do threads started by `asyncio.to_thread` and `anyio.to_thread.run_sync`. A plain executor starts
its threads with an empty context: hand it `carry_context(function)` instead of the function.
"""

from __future__ import annotations

from contextvars import copy_context
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from structlog.contextvars import get_contextvars

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["carry_context", "request_id"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def request_id() -> str:
    """Return the id of the request that is being served here, empty outside of any."""
    return str(get_contextvars().get("request_id", ""))


def carry_context(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return the function bound to the present context, to be run by a plain executor."""
    context = copy_context()

    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        # A context runs one function at a time, and `executor.map` may run this many times at once.
        return context.copy().run(function, *args, **kwargs)

    return run
