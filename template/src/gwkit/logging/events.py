"""structlog's logger over the standard library's: cheap where its level is off, and where it is on.

An event becomes a record directly. The way through `Logger.info` would look for the calling line,
which the event's logger and name tell better, and copy the fields twice.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EventLogger", "event_fields"]

# The attribute of a record that holds the fields of an event.
_FIELDS: Final = "_event_fields"
_LEVELS: Final = {
    "critical": logging.CRITICAL,
    "debug": logging.DEBUG,
    "error": logging.ERROR,
    "exception": logging.ERROR,
    "info": logging.INFO,
    "warning": logging.WARNING,
}
_KNOWN: Final = ("exc_info", "stack_info")
_STARTED: Final = time.time()


class EventLogger(structlog.stdlib.BoundLogger):
    """A bound logger that asks for the level before it does anything."""

    def debug(self, event: str | None = None, *args: str, **fields: object) -> None:
        """Log at DEBUG, the level that is off most of the time."""
        if self._logger.isEnabledFor(logging.DEBUG):
            self._log(logging.DEBUG, "debug", event, args, fields)

    def info(self, event: str | None = None, *args: str, **fields: object) -> None:
        """Log at INFO, the level of most events that are written."""
        if self._logger.isEnabledFor(logging.INFO):
            self._log(logging.INFO, "info", event, args, fields)

    def _proxy_to_logger(
        self, method_name: str, event: str | None = None, *event_args: str, **event_kw: object
    ) -> None:
        level = _LEVELS[method_name]
        if self._logger.isEnabledFor(level):
            self._log(level, method_name, event, event_args, event_kw)

    def _log(
        self,
        level: int,
        method_name: str,
        event: object,
        args: tuple[str, ...],
        fields: dict[str, object],
    ) -> None:
        if self._processors:
            if args:
                fields["positional_args"] = args
            try:
                fields = dict(self._process_event(method_name, event, fields)[1])  # type: ignore[arg-type]  # a text
            except structlog.DropEvent:
                return
            event, args = fields.pop("event", None), fields.pop("positional_args", ())  # type: ignore[assignment]  # as above
        elif self._context:
            fields = {**self._context, **fields}
        logger: logging.Logger = self._logger
        if "exc_info" in fields or "stack_info" in fields:
            known = {name: fields.pop(name) for name in _KNOWN if name in fields}
            logger.log(level, event, *args, **known, extra={_FIELDS: fields})  # type: ignore[arg-type]  # whatever a caller gave
        elif logging.getLogRecordFactory() is logging.LogRecord:
            logger.handle(_EventRecord(logger.name, level, event, args, fields))
        else:
            record = logger.makeRecord(logger.name, level, "", 0, event, args, None)
            setattr(record, _FIELDS, fields)
            logger.handle(record)


@lru_cache(maxsize=1)
def _process_id() -> int:
    """Return the number of the process, without asking the system for it at each event."""
    return os.getpid()


os.register_at_fork(after_in_child=_process_id.cache_clear)


class _EventRecord(logging.LogRecord):
    """The record of an event.

    It has every attribute that the handlers of others may ask for. A record of the standard library
    works file, module and process out, and that takes longer than to format the event.
    """

    def __init__(
        self, name: str, level: int, event: object, args: tuple[str, ...], fields: object
    ) -> None:
        created = time.time()
        self.name = name
        self.msg = event
        self.args = args
        self.levelname = logging.getLevelName(level)
        self.levelno = level
        self.pathname = self.filename = self.module = ""
        self.exc_info = self.exc_text = self.stack_info = None
        self.lineno = 0
        self.funcName = ""
        self.created = created
        self.msecs = created * 1_000 % 1_000
        self.relativeCreated = (created - _STARTED) * 1_000
        self.thread = threading.get_ident()
        self.threadName = threading.current_thread().name
        self.processName = "MainProcess"
        self.process = _process_id()
        self.taskName = None
        self._event_fields = fields


def event_fields(record: logging.LogRecord) -> Mapping[str, object] | None:
    """Return the fields of an event; `None` is a library's own record."""
    fields = getattr(record, _FIELDS, None)
    return fields if isinstance(fields, dict) else None
