"""The request id: one per request, on every log line of that request.

It lives in a `ContextVar`, so tasks inherit it, and so do threads started by `asyncio.to_thread`
and `anyio.to_thread.run_sync`. A plain executor starts its threads with an empty context: hand it
`carry_context(function)` instead of the function.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import wraps
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from structlog.contextvars import STRUCTLOG_KEY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["bind_request_id", "carry_context", "new_request_id", "request_id", "valid_request_id"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

# structlog puts every variable of such a name on each event. Its own functions for that look at all
# variables of the context at every turn; this one is set and read directly.
_REQUEST_ID: Final[ContextVar[object]] = ContextVar(f"{STRUCTLOG_KEY_PREFIX}request_id")

# Nothing that could break a log line, a header or a path out of its place.
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,128}")


def new_request_id() -> str:
    """Return a fresh id of 32 hexadecimal digits."""
    return os.urandom(16).hex()


def valid_request_id(text: str) -> bool:
    """Say whether a caller's id may be taken: 1 to 128 of `A-Za-z0-9._-`."""
    return _WELL_FORMED.fullmatch(text) is not None


@contextmanager
def bind_request_id(value: str) -> Iterator[None]:
    """Within the block `request_id()` and every log line have this id."""
    token = _REQUEST_ID.set(value)
    try:
        yield
    finally:
        _REQUEST_ID.reset(token)


def request_id() -> str | None:
    """Return the id of the request that is being served here, or `None` outside of any."""
    # structlog marks a variable as unset with a value of its own.
    value = _REQUEST_ID.get(None)
    return value if isinstance(value, str) else None


def carry_context(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return the function bound to the present context, to be run by a plain executor."""
    context = copy_context()

    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        # A context runs one function at a time, and `executor.map` may run this many times at once.
        return context.copy().run(function, *args, **kwargs)

    return run
