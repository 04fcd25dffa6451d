"""The parser pool: documents that could take for ever are parsed in processes with limits."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from gwkit.errors import ConfigError, IngestError, ParseLimitError
from gwkit.executor import checkpoint
from gwkit.parsing.loader import Loaded
from gwkit.parsing.transport import Refusal, read_frame, write_frame
from gwkit.parsing.worker import READY

if TYPE_CHECKING:
    from gwkit.parsing.loader import SortingLoader

__all__ = ["ParserPool", "decode_reply"]

_REPLY = TypeAdapter[Loaded | Refusal](Loaded | Refusal)

_PROCESSES = 2
"""Parser processes at a time: each may take as much memory as the limit allows."""

_DOCUMENTS = 500
"""Documents after which a process makes room for a fresh one, for parsers leak."""

_START_SECONDS = 60.0

_ENVIRONMENT = (
    "DYLD_LIBRARY_PATH",
    "LD_LIBRARY_PATH",
    "PATH",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
)
"""All that a process gets of the environment: where the interpreter finds its libraries and puts
temporary files, on any system, and no secret."""

_STOPPING = "not parsed: the service is shutting down"

_TOO_MUCH_TIME = getattr(signal, "SIGXCPU", None)

_PROGRAM = """
import json, sys
sys.path[:], limits = json.loads(sys.argv[1])
from gwkit.parsing.worker import main
main(*limits)
"""


class ParserPool:
    """Loads documents as a registry does: small text here, all else in processes with limits.

    A process is started when the first such document comes, and takes the next one after it; one
    that exceeds a limit is killed, and only its document fails. Extensions' loaders run here.

    Args:
        loaders: what can be read.
        timeout_seconds: most time that a document may take to parse.
        memory_bytes: most memory of a process, where the system can bound it.
        max_text_bytes: most text of a document.

    Raises:
        ConfigError: the loaders cannot be pickled for a process.
    """

    def __init__(
        self,
        loaders: SortingLoader,
        *,
        timeout_seconds: float,
        memory_bytes: int,
        max_text_bytes: int,
    ) -> None:
        self.suffixes = loaders.suffixes
        self._loaders = loaders
        try:
            pickled = pickle.dumps(loaders).hex()
        except (AttributeError, TypeError, pickle.PicklingError) as exc:
            raise ConfigError(f"an isolated loader is no function of a module: {exc}") from exc
        self._limits = (pickled, timeout_seconds, memory_bytes, max_text_bytes)
        self._slots = threading.BoundedSemaphore(_PROCESSES)
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._running: set[_Process] = set()
        self._closed = False

    def load(self, document: str, data: bytes) -> Loaded:
        """Parse and clean a document; blocks, also while every process is busy.

        Raises:
            IngestError: the document cannot be read.
            ParseLimitError: it took too much time or memory, or has crashed its process.
        """
        if not self._loaders.is_risky(document, len(data)):
            return self._loaders.load(document, data)
        with self._slots:
            checkpoint()  # it may have waited for longer than its caller
            process = self._take(document)
            try:
                return decode_reply(document, process.parse(document, data))
            except ParseLimitError as exc:
                process.end()
                if self._closed:
                    # The process was ended for us, which says nothing about the document.
                    raise IngestError(document, _STOPPING, passing=True) from exc
                raise
            finally:
                self._give_back(process)

    def close(self) -> None:
        """End all processes, also those that are at work; may be called again."""
        with self._lock:
            self._closed = True
            running = tuple(self._running)
        for process in running:
            process.end()

    def _take(self, document: str) -> _Process:
        with self._lock:
            if self._closed:
                raise IngestError(document, _STOPPING, passing=True)
            while self._idle:
                process = self._idle.pop()
                if process.is_fit:
                    return process
                self._retire(process)
            return self._start(document)

    def _start(self, document: str) -> _Process:
        try:
            process = _Process(self._limits)
        except OSError as exc:
            reason = f"could not be parsed: no process can be started: {exc.strerror}"
            raise IngestError(document, reason, passing=True) from exc
        self._running.add(process)
        return process

    def _give_back(self, process: _Process) -> None:
        with self._lock:
            if process.is_fit and not self._closed:
                self._idle.append(process)
            else:
                self._retire(process)

    def _retire(self, process: _Process) -> None:
        process.end()
        self._running.discard(process)


def decode_reply(document: str, frame: bytes) -> Loaded:
    """Return the document that a reply holds.

    Raises:
        IngestError: it holds a refusal.
        ParseLimitError: it holds one for a limit, or is no reply at all.
    """
    try:
        reply = _REPLY.validate_python(json.loads(frame))
    except ValueError as exc:
        raise ParseLimitError(document, "the parser returned an invalid reply") from exc
    if isinstance(reply, Refusal):
        error = ParseLimitError if reply.is_limit else IngestError
        raise error(document, reply.reason)
    return reply


class _Process:
    """A parser process, for one document at a time."""

    def __init__(self, limits: tuple[str, float, int, int]) -> None:
        self._seconds = limits[1]
        self._has_expired = False
        self._documents = 0
        self._popen = subprocess.Popen(  # noqa: S603 - this interpreter, and a program of ours
            [sys.executable, "-I", "-S", "-c", _PROGRAM, json.dumps((sys.path, limits))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        )

    @property
    def is_fit(self) -> bool:
        """Whether it can take another document."""
        is_alive = not self._has_expired and self._popen.poll() is None
        return is_alive and self._documents < _DOCUMENTS

    def parse(self, document: str, data: bytes) -> bytes:
        """Return the reply to a document.

        Raises:
            IngestError: the process does not start.
            ParseLimitError: the document has ended it.
        """
        if not self._documents and self._ask(_START_SECONDS) != READY:
            self.end()
            reason = "could not be parsed: the parser process does not start"
            raise IngestError(document, f"{reason} ({self._popen.returncode})", passing=True)
        self._documents += 1
        reply = self._ask(self._seconds, document.encode("utf-8", "surrogatepass"), data)
        if reply is None:
            self.end()
            raise ParseLimitError(document, self._exit_reason())
        return reply

    def end(self) -> None:
        """Kill the process; may be called again."""
        # What was still to be written goes nowhere.
        with suppress(OSError), self._popen:
            self._popen.kill()

    def _ask(self, seconds: float, *frames: bytes) -> bytes | None:
        """Write the frames and return the one that comes back, or `None` where none does."""
        requests, replies = self._popen.stdin, self._popen.stdout
        if requests is None or replies is None:
            return None
        clock = threading.Timer(seconds, self._expire)
        clock.daemon = True
        clock.start()
        try:
            for frame in frames:
                write_frame(requests, frame)
            return read_frame(replies)
        except (OSError, ValueError):  # `end` may have closed the pipe meanwhile
            return None
        finally:
            clock.cancel()
            clock.join()

    def _expire(self) -> None:
        self._has_expired = True
        self._popen.kill()

    def _exit_reason(self) -> str:
        code = self._popen.returncode
        if self._has_expired or -code == _TOO_MUCH_TIME:
            return f"takes more than {self._seconds:g} s to parse (APP_PARSE_TIMEOUT_SECONDS)"
        cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"has crashed its parser ({cause})"
