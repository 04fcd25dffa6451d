"""How a record of any logger is written: as an event without secrets, for people or for machines.

Redaction stands in the formatter because a filter on a logger is passed by whatever propagates to
it from below.

`gwkit.http.middleware` binds the request id as one of structlog's context variables: it is on every
log line and span of the request. Tasks inherit it, and so do `asyncio.to_thread`,
`anyio.to_thread.run_sync` and `gwkit.executor.BoundedExecutor`. Other executors run jobs in an
empty context: pass them `contextvars.copy_context().run` and the job.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson
from structlog.contextvars import get_contextvars

from gwkit.logging.redaction import Plain, Redactor
from gwkit.text.characters import escape_controls, escape_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from structlog.typing import EventDict

__all__ = [
    "Event",
    "EventFormatter",
    "Renderer",
    "StderrHandler",
    "as_arguments",
    "console_renderer",
    "render_json",
    "request_id",
]

Event: TypeAlias = dict[str, Plain]
"""A log event without secrets: `timestamp`, `level`, `logger`, `event`, `service`, then fields."""

Renderer: TypeAlias = "Callable[[Event], str]"
"""Turns an event into what a handler writes, without the line end."""

# The attribute of a record that holds the fields of an event.
_FIELDS: Final = "event_fields"
_STANDARD: Final = ("exc_info", "stack_info")
_FOREIGN_ATTRIBUTES: Final = frozenset(
    (
        *vars(logging.makeLogRecord({})),
        "message",
        "asctime",
        "color_message",  # uvicorn's, which says the message once more
    )
)
# What the formatter itself says of a record; a field of that name takes an underscore.
_OWN: Final = frozenset({"timestamp", "level", "logger", "event", "service"})
_COLOURS: Final = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}
_HEAD = _OWN | {"exception", "stack"}
# Everything else stands in quotes, so that no value can look like two fields.
_BARE = re.compile(r"[\w./:@%+,*~-]+")


def request_id() -> str:
    """Return the id of the current request, empty outside of any."""
    return str(get_contextvars().get("request_id", ""))


def as_arguments(
    _logger: logging.Logger, _method: str, fields: EventDict
) -> tuple[tuple[object], dict[str, object]]:
    """Return an event as arguments of the standard library's logger, its fields under one name."""
    standard = {name: fields.pop(name) for name in _STANDARD if name in fields}
    return (fields.pop("event"),), {"extra": {_FIELDS: fields}, **standard}


class EventFormatter(logging.Formatter):
    """Makes an event of any record, takes the secrets out, and renders it.

    Args:
        service: the service's name, on every event.
        redactor: takes the secrets out of message, fields, traceback and stack.
        render: turns the event into text.
    """

    def __init__(self, service: str, redactor: Redactor, render: Renderer) -> None:
        super().__init__()
        self._service = service
        self._redactor = redactor
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as it is written; never raises, whatever the record holds."""
        try:
            return self._render(self._event(record))
        except Exception as exc:  # noqa: BLE001 - a record that cannot be shown must not stop a request
            return self._render({**self._head(record), "error": type(exc).__name__})

    def _head(self, record: logging.LogRecord) -> Event:
        second = datetime.fromtimestamp(int(record.created), UTC)
        return {
            "timestamp": f"{second:%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": "record_not_loggable",
            "service": self._service,
        }

    def _event(self, record: logging.LogRecord) -> Event:
        redactor = self._redactor
        event = self._head(record)
        fields: Mapping[str, object] | None = getattr(record, _FIELDS, None)
        if fields is None:
            event["event"] = redactor.text(record.getMessage().rstrip())
            # A library that makes the records itself, as Ray does, adds what is for it alone.
            public = (each for each in vars(record).items() if not each[0].startswith("_"))
            fields = {name: value for name, value in public if name not in _FOREIGN_ATTRIBUTES}
        else:
            event["event"] = redactor.value(str(record.msg))
        context = {**get_contextvars(), **fields}
        for name in _OWN.intersection(context):
            context[f"{name}_"] = context.pop(name)
        event |= redactor.fields(context)
        if record.exc_info and record.exc_info[1]:
            event["exception"] = redactor.text(self.formatException(record.exc_info))
        if record.stack_info:
            event["stack"] = redactor.text(record.stack_info)
        return event


class StderrHandler(logging.Handler):
    """Writes to whatever `sys.stderr` is at the moment: a progress bar may stand in for it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; one that cannot be written is dropped."""
        try:
            stderr = sys.stderr
            stderr.write(f"{self.format(record)}\n")
            stderr.flush()
        except (OSError, ValueError):  # the stream is gone
            self.handleError(record)


def render_json(event: Event) -> str:
    """Return the event as one line of JSON, in which nothing steers a terminal or is unseen."""
    try:
        line = orjson.dumps(event).decode()
    except orjson.JSONEncodeError:  # lone surrogates, which UTF-8 cannot say and JSON can
        return json.dumps(event)
    return line if line.isascii() and line.isprintable() else escape_json(line)


def console_renderer(*, colour: bool) -> Renderer:
    """Return a renderer for people: time, level, event, fields, logger; then any traceback.

    Whatever a value contains, the event takes one line, and every line of a traceback is indented:
    no text can forge an event, move the cursor, or turn the direction of reading. The service's
    name is left out, for a terminal shows one service.
    """

    def render(event: Event) -> str:
        level = str(event["level"])
        painted = f"\x1b[{_COLOURS.get(level, '0')}m{level:<8}\x1b[0m" if colour else f"{level:<8}"
        shown = [f"{name}={_value(value)}" for name, value in event.items() if name not in _HEAD]
        line = " ".join([str(event["event"]), *shown, f"[{event['logger']}]"])
        trace = "".join(
            f"\n    {escape_controls(line)}"
            for name in ("stack", "exception")
            for line in str(event.get(name) or "").splitlines()
        )
        return f"{event['timestamp']} {painted} {escape_controls(line)}{trace}"

    return render


def _value(value: Plain) -> str:
    if isinstance(value, str) and _BARE.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)
