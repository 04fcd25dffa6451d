"""Where the process stands between start and stop, which is what `/readyz` reports."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from gwkit.errors import AppError

if TYPE_CHECKING:
    from gwkit.http.keys import Authenticate
    from gwkit.http.shared_limits import SharedLimits
    from gwkit.http.workers import Peers
    from gwkit.telemetry.metrics import Metrics

__all__ = ["Lifecycle", "Probed"]

_log = structlog.stdlib.get_logger(__name__)

_RETRY_SECONDS: Final = 1.0
_NOT_WARMED: Final = "a first search has failed, and is tried again; the log has the reason"
_PEERS: Final = "other workers are starting"
_UNREADABLE: Final = "the index is gone, replaced or damaged; the log has the reason"


class Probed(Protocol):
    """The open services, as far as probes and the request log use them."""

    @property
    def metrics(self) -> Metrics:
        """Where requests are counted."""

    @property
    def authenticate(self) -> Authenticate:
        """Recognises callers."""

    @property
    def limits(self) -> SharedLimits | None:
        """Rate limits that hold for several processes, if there are such."""

    async def check(self) -> None:
        """Return if the services can answer now.

        Raises:
            AppError: they cannot.
        """

    async def warm_up(self) -> None:
        """Do once what the first request would wait for.

        Raises:
            AppError: it failed; it is tried again.
        """


@dataclass(slots=True)
class Lifecycle:
    """The services while they are open, and whether they should get traffic.

    `services` is `None` before the start has finished and after the stop; `draining` is set when
    the process has been told to stop and only finishes what is in flight. `peers` are the workers
    that are started together.
    """

    services: Probed | None = None
    warm: bool = False
    draining: bool = False
    peers: Peers | None = None
    _trouble: str = field(default="", init=False)

    @property
    def obstacle(self) -> str | None:
        """Why the service is not ready, or `None` when it is."""
        if self.draining:
            return "the service is stopping"
        if self.services is None:
            return "the service is starting"
        if self.warm:
            return None if self.peers is None or self.peers.are_warm else _PEERS
        return _NOT_WARMED if self._trouble else "the index is being warmed"

    async def check(self) -> str | None:
        """Return why the service is not ready now, or `None`; the index is asked as well.

        What the index cannot do is logged once, and not for every probe.
        """
        if self.services is None or self.obstacle is not None:
            return self.obstacle
        try:
            await self.services.check()
        except AppError as exc:
            if self._is_news(exc):
                _log.error("index_unavailable", exc_info=exc)
            return _UNREADABLE
        if self._trouble:
            _log.info("index_available")
            self._trouble = ""
        return None

    async def warm_up(self, services: Probed) -> None:
        """Search once, so that the first caller does not wait for caches; try until it works."""
        while not self.warm:
            try:
                await services.warm_up()
            except Exception as exc:  # noqa: BLE001 - whatever it is, `/readyz` and the log have to tell
                if self._is_news(exc):
                    _log.error("warm_up_failed", retry_seconds=_RETRY_SECONDS, exc_info=exc)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self.warm = True
                self._trouble = ""
                if self.peers is not None:
                    self.peers.arrive()
                _log.info("service_ready")

    def _is_news(self, error: Exception) -> bool:
        """Note what stands in the way, and say whether it is not what stood there before."""
        before, self._trouble = self._trouble, f"{type(error).__name__}: {error}"
        return before != self._trouble
