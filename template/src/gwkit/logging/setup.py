"""Logging of the whole process, configured once: structlog's events and every library's records.

Module loggers hand their events to the standard library's, whose records all pass one formatter at
the root. There each record becomes an event of the same fields, secrets are taken out, and it is
rendered. Redaction stands in the formatter because a filter on a logger is passed by whatever
propagates to it from below.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
import traceback
from datetime import UTC, datetime
from functools import lru_cache
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol

import structlog
from structlog.contextvars import get_contextvars

from gwkit.errors import ConfigError
from gwkit.logging.redaction import Redactor, secret_values
from gwkit.logging.rendering import console_renderer, render_json
from gwkit.logging.uncaught import log_uncaught

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import TextIOWrapper

    from structlog.typing import EventDict

    from gwkit.logging.rendering import Event, Renderer

__all__ = ["EventFormatter", "LogSettings", "configure_logging"]

# Tests switch it off: they capture events by another configuration of structlog.
_KEEP_LOGGERS = True
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
# Milliseconds, as a timestamp has them: to format them for each event takes five times as long.
_DIGITS: Final = tuple(f"{milliseconds:03}" for milliseconds in range(1_000))
# What a message raises whose arguments do not fit, and what a stream does that is gone.
_ILL_FITTING = (KeyError, TypeError, ValueError)
_UNWRITABLE = (OSError, ValueError)
# uvicorn brings handlers and forms of its own.
_SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
_NO_LEVELS: Final[Mapping[str, str]] = {}
# Clients of providers log every request, and at DEBUG all that is in it: prompts and documents.
# uvicorn logs every request that it serves. What may be told of one, the service tells itself.
_REQUEST_LOGGERS = ("anthropic", "httpcore2", "httpx2", "openai", "uvicorn.access")


class LogSettings(Protocol):
    """What the settings say of logging; secrets among all of them are taken out of the log."""

    @property
    def service_name(self) -> str:
        """Name of the service, on every event."""
        ...

    @property
    def log_level(self) -> str:
        """Least severe level that is logged."""
        ...

    @property
    def log_format(self) -> Literal["auto", "console", "json"]:
        """How events look on standard error."""
        ...

    @property
    def log_file(self) -> Path | None:
        """File to log to as well."""
        ...

    @property
    def log_file_max_bytes(self) -> int:
        """Size at which the file is rotated, in bytes."""
        ...

    @property
    def log_file_backups(self) -> int:
        """Rotated files that are kept."""
        ...


def configure_logging(settings: LogSettings, *, levels: Mapping[str, str] = _NO_LEVELS) -> None:
    """Send every record of the process to stderr and, where set, to a rotating file.

    A second call replaces what the first one set up, and leaves other handlers alone. Errors that
    nobody catches are logged, too.

    Args:
        settings: level, form and file.
        levels: stricter levels of single loggers, by their names.

    Raises:
        ConfigError: the log file cannot be opened.
    """
    redactor = Redactor(secret_values(settings))

    def formatter(render: Renderer) -> EventFormatter:
        return EventFormatter(settings.service_name, redactor, render)

    handlers = [_handler(_StderrHandler(), formatter(_stderr_renderer(settings)))]
    if settings.log_file is not None:
        handlers.append(
            _handler(_file_handler(settings.log_file, settings), formatter(render_json))
        )

    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler.formatter, EventFormatter):
            root.removeHandler(handler)
            handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(settings.log_level)
    for name in _SERVER_LOGGERS:
        server = logging.getLogger(name)
        server.handlers.clear()
        server.propagate = True
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    for name in _REQUEST_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    log_uncaught()
    # What the standard library prints when a handler fails holds the raw record.
    logging.raiseExceptions = False
    # structlog keeps the logger of a module with the level of the first call. A logger of the
    # standard library may have a stricter one of its own.
    structlog.configure(
        processors=[_arguments],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=logging.getLogger,
        cache_logger_on_first_use=_KEEP_LOGGERS,
    )


def _arguments(
    _logger: logging.Logger, _method: str, fields: EventDict
) -> tuple[tuple[object], dict[str, object]]:
    """Return an event as arguments of the standard library's logger, its fields under one name."""
    arguments: dict[str, object] = {"extra": {_FIELDS: fields}}
    for name in _STANDARD:
        if name in fields:
            arguments[name] = fields.pop(name)
    return (fields.pop("event"),), arguments


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
        created = record.created
        second = int(created)
        return {
            "timestamp": f"{_written(second)}.{_DIGITS[int((created - second) * 1_000)]}Z",
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
            event["event"] = redactor.text(_message(record))
            fields = _extra(record)
        else:
            event["event"] = redactor.short(str(record.msg))
        context = get_contextvars()
        context.update(fields)
        if _OWN.isdisjoint(context):
            redactor.fields(context, into=event)
        else:
            named = {f"{name}_" if name in _OWN else name: context[name] for name in context}
            redactor.fields(named, into=event)
        if record.exc_info and record.exc_info[1]:
            event["exception"] = redactor.text(
                "".join(traceback.format_exception(*record.exc_info))
            )
        elif record.exc_text and not record.exc_info:
            event["exception"] = redactor.text(record.exc_text)
        if record.stack_info:
            event["stack"] = redactor.text(record.stack_info)
        return event


class _StderrHandler(logging.Handler):
    """Writes to whatever `sys.stderr` is at the moment: a progress bar may stand in for it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            stderr = sys.stderr
            stderr.write(f"{self.format(record)}\n")
            stderr.flush()
        except _UNWRITABLE:
            self.handleError(record)


class _RotatedFile(RotatingFileHandler):
    """Rotates a file that has reached its size.

    The standard library would render each record a second time to see whether it still fits, and
    count its characters for bytes. And where several processes share the file, each would go on
    with one that another has put aside, and put aside the new one as soon as that is there.
    """

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).touch(0o600)  # nobody else may read a file that is new
        return super()._open()

    def shouldRollover(self, _record: logging.LogRecord) -> bool:  # noqa: N802 - as inherited
        if self.stream is None:  # as after a rotation that failed
            self.stream = self._open()
        status = os.fstat(self.stream.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size < self.maxBytes:
            return False
        if _is_at(self.baseFilename, status):
            return True
        self.stream.close()
        self.stream = self._open()
        return False


def _is_at(path: str, status: os.stat_result) -> bool:
    """Say whether the file of this status is still the one at the path."""
    try:
        return os.path.samestat(status, os.stat(path))  # noqa: PTH116 - a path as inherited
    except FileNotFoundError:
        return False


def _handler(handler: logging.Handler, formatter: EventFormatter) -> logging.Handler:
    handler.setFormatter(formatter)
    return handler


def _file_handler(path: Path, settings: LogSettings) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _RotatedFile(
            path,
            maxBytes=settings.log_file_max_bytes,
            backupCount=settings.log_file_backups,
            encoding="utf-8",
            errors="backslashreplace",
        )
    except OSError as exc:
        problem = f"APP_LOG_FILE: cannot write to {str(path)!r}: {exc.strerror}"
        raise ConfigError(problem) from exc


def _stderr_renderer(settings: LogSettings) -> Renderer:
    terminal = sys.stderr.isatty()
    if settings.log_format == "json" or (settings.log_format == "auto" and not terminal):
        return render_json
    # https://no-color.org: present and not empty.
    return console_renderer(colour=terminal and not os.environ.get("NO_COLOR"))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage().rstrip()
    except _ILL_FITTING:
        return f"{record.msg} {record.args}"


def _extra(record: logging.LogRecord) -> Mapping[str, object]:
    """Return the `extra` of a library's record."""
    return {name: value for name, value in vars(record).items() if name not in _FOREIGN_ATTRIBUTES}


@lru_cache(maxsize=2)
def _written(second: int) -> str:
    """Return a second since the epoch as ISO 8601 has it; many events share one."""
    return datetime.fromtimestamp(second, UTC).replace(tzinfo=None).isoformat()
