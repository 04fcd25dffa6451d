"""Serving from several processes on one socket, which replace each other when one dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING, Final

import structlog
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from gwkit.errors import AppError
from gwkit.http.server import server_config

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from fastapi import FastAPI

    from gwkit.http.server import ServerSettings

__all__ = ["Peers", "run_workers", "worker_app"]

_log = structlog.stdlib.get_logger(__name__)

_METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which `prometheus_client` counts for several processes in files of a folder."""


class Peers:
    """Whether all workers of a start are warm: each of them leaves a file in a common folder.

    Args:
        folder: the folder.
        count: the workers that there are to be.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._count = count
        self._are_warm = False

    def arrive(self) -> None:
        """Note that this worker is warm."""
        (self._folder / f"{os.getpid()}.warm").touch()

    @property
    def are_warm(self) -> bool:
        """Whether all have been; one that replaces another does not wait for the others."""
        if not self._are_warm:
            self._are_warm = len([*self._folder.glob("*.warm")]) >= self._count
        return self._are_warm


def worker_app(make: Callable[[Path], FastAPI], folder: Path, count: int) -> FastAPI:
    """Return the application of a worker; end the process if it cannot be made.

    Args:
        make: returns the application; it has the folder of the workers as its argument.
        folder: what the workers share.
        count: the workers that there are to be.

    Raises:
        SystemExit: with the status by which the supervisor does not try again.
    """
    Thread(target=_end_with_parent, name="parent", daemon=True).start()
    try:
        app = make(folder)
    except AppError as exc:
        _log.error("worker_failed", reason=str(exc))
        sys.exit(STARTUP_FAILURE)
    app.state.lifecycle.peers = Peers(folder, count)
    return app


def run_workers(
    make: Callable[[Path], FastAPI], settings: ServerSettings, listener: socket.socket, count: int
) -> None:
    """Serve from processes on an open socket until SIGINT or SIGTERM; SIGHUP replaces them all.

    A worker that dies, or hangs, is replaced. At a signal all finish what is in flight, for the
    settings' `shutdown_grace_seconds` at most. Metrics are counted in a folder of their own, so
    that each worker returns the sums over all, those that have died among them.

    Args:
        make: returns the application in a worker; it has a folder that all workers share as its
            argument, and can be pickled.
        settings: how to serve.
        listener: the socket.
        count: the number of processes.

    Raises:
        AppError: a worker cannot start; the others are stopped.
    """
    with TemporaryDirectory(prefix="workers-", ignore_cleanup_errors=True) as folder:
        os.environ[_METRICS_FOLDER] = folder
        app = partial(worker_app, make, Path(folder), count)
        config = server_config(app, settings, workers=count)
        supervisor = Multiprocess(config, sockets=[listener])
        host, port = listener.getsockname()[:2]
        _log.info("listening", host=host, port=port, workers=count)
        supervisor.run()
        _log.info("stopped")
        if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
            raise AppError("a worker cannot start: the log has the reason")


def _end_with_parent() -> None:
    """Stop as after SIGTERM when the supervisor is gone, however it ended."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
