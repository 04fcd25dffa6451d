"""A server in a separate process, and its start-up time."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.workshop import BenchError, plain_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Server", "free_port", "serving"]

_PATIENCE_SECONDS: Final = 60
_PAUSE_SECONDS: Final = 0.005
_READY: Final = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is ready."""

    process: subprocess.Popen[bytes]
    port: int
    ready_seconds: float

    def resident_megabytes(self) -> float:
        """Return the memory that the process has in RAM."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def serving(
    *command: str | Path, cwd: Path, port: int, variables: Mapping[str, str], log: Path
) -> Iterator[Server]:
    """Start a server, wait until `/readyz` returns 200, and stop it at the end.

    Args:
        command: starts it.
        cwd: where it is started.
        port: where it will listen on 127.0.0.1.
        variables: added to its environment variables.
        log: takes what it prints.

    Raises:
        BenchError: it ended, or was not ready in time.
    """
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={**plain_environment(), **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        while not _is_ready(port):
            waited = time.perf_counter() - started
            if process.poll() is not None or waited > _PATIENCE_SECONDS:
                told = log.read_text(encoding="utf-8", errors="replace")[-2_000:]
                raise BenchError(f"`{command[0]} …` did not come up:\n{told}")
            time.sleep(_PAUSE_SECONDS)
        yield Server(process, port, time.perf_counter() - started)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_ready(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(_READY)
        return connection.recv(64).startswith(b"HTTP/1.1 200")
    return False
