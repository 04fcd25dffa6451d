"""Has Ray prepare documents, as tasks that it places on machines and repeats when they die."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from contextlib import asynccontextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, Final, Self  # noqa: TID251 - Ray's functions have no types

import ray
import structlog
from ray.exceptions import RayError, RayTaskError

from app.exceptions import AppError, ConfigError, IngestError
from app.options.ray.settings import RaySettings
from app.options.ray.worker import prepare_in_worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.config.settings import Settings
    from app.ingestion.discovery import SourceFile
    from app.ingestion.preparation import Ready, Unchanged
    from app.registry import PreparerOpener
    from gwkit.index.store import Failure, LedgerEntry

__all__ = ["RayEngine"]

_log = structlog.stdlib.get_logger(__name__)

_RETRIES: Final = 3
"""Further attempts at a document whose worker or machine died."""

_SECONDS: Final = 10.0

_AHEAD: Final = 4
"""Documents for each that is in preparation: this many are prepared or wait for the writer."""


class RayEngine:
    """An `app.ingestion.run.Engine` over a Ray cluster. Made by `open`, as a context manager.

    Args:
        task: Ray's form of `prepare_in_worker`.
        made: a reference to what a worker makes its pipeline of.
        ahead: documents to prepare ahead of the writer.
    """

    def __init__(self, task: Any, made: Any, ahead: int) -> None:  # noqa: ANN401 - as said
        self._task = task
        self._made = made
        self.ahead = ahead

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, preparer: PreparerOpener) -> AsyncIterator[Self]:
        """Connect to the cluster of the settings, or start Ray on this machine.

        Args:
            settings: which cluster, and what the workers prepare documents with.
            preparer: opens a pipeline in a worker.

        Raises:
            ConfigError: there is no such cluster.
        """
        group = settings.group(RaySettings)
        # Ray prints what befalls its workers, and standard output is for the result.
        with redirect_stdout(sys.stderr):  # noqa: TID251 - as said
            await asyncio.to_thread(_connect, group)
            try:
                resources = ray.cluster_resources()  # type: ignore[no-untyped-call]  # has no types
                at_once = max(1, int(resources.get("CPU", 1.0) / group.ray_document_cpus))
                task = ray.remote(prepare_in_worker).options(
                    num_cpus=group.ray_document_cpus, max_retries=_RETRIES
                )
                _log.info("ray_connected", address=group.ray_address, documents_at_once=at_once)
                yield cls(task, ray.put((preparer, settings.model_dump())), _AHEAD * at_once)
            finally:
                await asyncio.to_thread(ray.shutdown)

    async def prepare_file(
        self, file: SourceFile, entry: LedgerEntry | None, failure: Failure | None
    ) -> Ready | Unchanged:
        """Have a worker prepare a file, and return what it made.

        Raises:
            AppError: the document cannot be prepared.
            IngestError: its workers died again and again.
        """
        try:
            done = await self._task.remote(self._made, file, entry, failure)
        except RayTaskError as exc:
            # A defect: what the worker raised, with the worker's traceback as the reason.
            raise (exc.cause if isinstance(exc.cause, Exception) else exc) from exc
        except RayError as exc:
            reason = f"its worker in Ray died {1 + _RETRIES} times ({type(exc).__name__})"
            raise IngestError(file.document, reason, passing=True) from exc
        if isinstance(done, AppError):
            raise done
        prepared: Ready | Unchanged = done
        return prepared


def _connect(group: RaySettings) -> None:
    """Connect to the cluster, or start Ray; in a thread, where Ray leaves signals alone; blocks.

    Raises:
        ConfigError: neither works.
    """
    address = group.ray_address
    try:
        if address:
            # Ray itself would try for many minutes, and could not be interrupted.
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=_SECONDS).close()
    except OSError as exc:
        raise ConfigError(f"APP_RAY_ADDRESS={address}: cannot be reached ({exc})") from exc
    # Ray reads this from the environment only: by default it reports how it is used.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # noqa: TID251 - as said
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as exc:
        where = f"APP_RAY_ADDRESS={address}" if address else "Ray"
        raise ConfigError(f"{where}: cannot be used ({exc})") from exc
