"""Logging of the whole process, configured once: structlog's events and every library's records.

Module loggers hand their events to the standard library's, whose records all pass one formatter at
the root. There each record becomes an event of the same fields, secrets are taken out, and it is
rendered.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import structlog

from gwkit.errors import ConfigError
from gwkit.logging.formatting import (
    EventFormatter,
    StderrHandler,
    as_arguments,
    console_renderer,
    render_json,
)
from gwkit.logging.redaction import Redactor, secret_values
from gwkit.logging.uncaught import log_uncaught

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import TextIOWrapper

    from gwkit.logging.formatting import Renderer

__all__ = ["LogSettings", "configure_logging"]

# Tests switch it off: they capture events by another configuration of structlog.
_KEEP_LOGGERS = True
# uvicorn brings handlers and forms of its own.
_SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
# Clients of providers log every request, and at DEBUG all that is in it: prompts and documents.
# uvicorn logs every request that it serves. What may be told of one, the service tells itself.
_REQUEST_LOGGERS = (
    *("anthropic", "httpcore", "httpcore2", "httpx", "httpx2", "mcp", "openai", "pinecone"),
    "uvicorn.access",
)


class LogSettings(Protocol):
    """Settings of logging; secrets among all settings are taken out of the log."""

    @property
    def service_name(self) -> str:
        """Name of the service, on every event."""

    @property
    def log_level(self) -> str:
        """Least severe level that is logged."""

    @property
    def log_format(self) -> Literal["auto", "console", "json"]:
        """How events look on standard error."""

    @property
    def log_file(self) -> Path | None:
        """File to log to as well."""

    @property
    def log_file_max_bytes(self) -> int:
        """Size at which the file is rotated, in bytes."""

    @property
    def log_file_backups(self) -> int:
        """Rotated files that are kept."""


def configure_logging(settings: LogSettings, *, levels: Mapping[str, str] | None = None) -> None:
    """Send every record of the process to stderr and, where set, to a rotating file.

    A second call replaces what the first one set up, and leaves other handlers alone. Errors that
    are not caught are logged, too.

    Args:
        settings: level, form and file.
        levels: stricter levels of single loggers, by their names.

    Raises:
        ConfigError: the log file cannot be opened.
    """
    redactor = Redactor(secret_values(settings))

    handlers: dict[logging.Handler, Renderer] = {StderrHandler(): _stderr_renderer(settings)}
    if settings.log_file is not None:
        handlers[_file_handler(settings.log_file, settings)] = render_json

    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler.formatter, EventFormatter):
            root.removeHandler(handler)
            handler.close()
    for handler, render in handlers.items():
        handler.setFormatter(EventFormatter(settings.service_name, redactor, render))
        root.addHandler(handler)
    root.setLevel(settings.log_level)
    for name in _SERVER_LOGGERS:
        server = logging.getLogger(name)
        server.handlers.clear()
        server.propagate = True
    for name, level in (levels or {}).items():
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
        processors=[as_arguments],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=logging.getLogger,
        cache_logger_on_first_use=_KEEP_LOGGERS,
    )


class _RotatedFile(RotatingFileHandler):
    """Rotates a file that has reached its size.

    The standard library would render each record a second time to see whether it still fits, and
    count its characters for bytes. And where several processes share the file, each would go on
    with one that another has put aside, and put aside the new one as soon as that is there.
    """

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).touch(0o600)  # a new file is for its owner only
        return super()._open()

    def shouldRollover(self, _record: logging.LogRecord) -> bool:  # noqa: N802 - as inherited
        if self.stream is None:  # as after a rotation that failed
            self.stream = self._open()
        status = os.fstat(self.stream.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size < self.maxBytes:
            return False
        with suppress(FileNotFoundError):
            if os.path.samestat(status, Path(self.baseFilename).stat()):
                return True
        self.stream.close()
        self.stream = self._open()
        return False


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
