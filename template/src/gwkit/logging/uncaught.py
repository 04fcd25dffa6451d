"""Uncaught errors are logged like all others: in the same form, without secrets.

Python itself prints what ends the process, a thread or a finalizer as it is, on standard error.
asyncio logs what became of a task that is not awaited, with the task's whole text in the message.
"""

from __future__ import annotations

import sys
import threading
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from types import TracebackType

__all__ = ["log_uncaught", "log_uncaught_in_loop"]

_log = structlog.stdlib.get_logger(__name__)


def log_uncaught() -> None:
    """Log from now on what ends the process, a thread or a finalizer.

    An interruption by the keyboard stays what it is to Python, and `SystemExit` no error.
    """
    sys.excepthook = _process
    threading.excepthook = _thread
    sys.unraisablehook = _finalizer


def log_uncaught_in_loop(_loop: AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error in a task or callback; for `loop.set_exception_handler`.

    Python 3.12 and later tell in which context it was, and so the id of its request.
    """
    error = context.get("exception")
    _context_of(context).run(
        _log.error, "uncaught_error", where="event loop", told=context["message"], exc_info=error
    )


def _context_of(context: dict[str, Any]) -> Context:
    for name in ("task", "future", "handle"):
        if (found := getattr(context.get(name), "get_context", None)) is not None:
            own: Context = found()
            return own.copy()  # for nothing can run twice at once in the same one
    return copy_context()


def _process(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, Exception):
        _log.critical("uncaught_error", where="process", exc_info=(kind, error, traceback))
    else:
        sys.__excepthook__(kind, error, traceback)


def _thread(args: threading.ExceptHookArgs) -> None:
    if issubclass(args.exc_type, SystemExit):
        return
    name = args.thread.name if args.thread else None
    _log.error("uncaught_error", where="thread", thread=name, exc_info=args.exc_value)


def _finalizer(unraisable: sys.UnraisableHookArgs) -> None:
    of = unraisable.object
    _log.error("uncaught_error", where="finalizer", of=of, exc_info=unraisable.exc_value)
