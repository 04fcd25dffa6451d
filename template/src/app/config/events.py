"""structlog's logger over the standard library's: cheap where its level is off, and where it is on.

An event becomes a record directly. The way through `Logger.info` would look for the calling line,
which the event's logger and name tell better, and copy the fields twice.
"""

from __future__ import annotations

import logging
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


class EventLogger(structlog.stdlib.BoundLogger):
    """A bound logger that asks for the level before it does anything."""

    def debug(self, event: str | None = None, *args: str, **fields: object) -> None:
        """Log at DEBUG, the level that is off most of the time."""
        if self._logger.isEnabledFor(logging.DEBUG):
            self._proxy_to_logger("debug", event, *args, **fields)

    def _proxy_to_logger(
        self, method_name: str, event: str | None = None, *event_args: str, **event_kw: object
    ) -> None:
        logger: logging.Logger = self._logger
        level = _LEVELS[method_name]
        if not logger.isEnabledFor(level):
            return
        if event_args:
            event_kw["positional_args"] = event_args
        try:
            fields = dict(self._process_event(method_name, event, event_kw)[1])
        except structlog.DropEvent:
            return
        message, args = fields.pop("event", None), fields.pop("positional_args", ())
        known = {name: fields.pop(name) for name in ("exc_info", "stack_info") if name in fields}
        if known:
            logger.log(level, message, *args, **known, extra={_FIELDS: fields})
            return
        record = logger.makeRecord(logger.name, level, "", 0, message, args, None)
        setattr(record, _FIELDS, fields)
        logger.handle(record)


def event_fields(record: logging.LogRecord) -> Mapping[str, object] | None:
    """Return the fields of an event; `None` is a library's own record."""
    fields = getattr(record, _FIELDS, None)
    return fields if isinstance(fields, dict) else None
