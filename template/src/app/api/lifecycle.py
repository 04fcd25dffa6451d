"""Where the process stands between start and stop, which is what `/readyz` reports."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from app.exceptions import AppError
from app.llm.words import content_words

if TYPE_CHECKING:
    from app.api.services import Services

__all__ = ["Lifecycle"]

_log = structlog.stdlib.get_logger(__name__)

_WARMING_QUERY: Final = "warm"
_RETRY_SECONDS: Final = 1.0


@dataclass(slots=True)
class Lifecycle:
    """The services while they are open, and whether they should get traffic.

    `services` is `None` before the start has finished and after the stop; `draining` is set when
    the process has been told to stop and only finishes what is in flight.
    """

    services: Services | None = None
    warm: bool = False
    draining: bool = False

    @property
    def obstacle(self) -> str | None:
        """Why the service is not ready, or `None` when it is."""
        if self.draining:
            return "the service is stopping"
        if self.services is None:
            return "the service is starting"
        return None if self.warm else "the index is being warmed"

    async def warm_up(self, services: Services) -> None:
        """Search once, so that the first caller does not wait for caches; try until it works."""
        # The stemmer takes a quarter of a second to import, and every answer needs it.
        await asyncio.to_thread(content_words, _WARMING_QUERY)
        while not self.warm:
            try:
                await services.retriever.search(_WARMING_QUERY, k=1)
            except AppError:
                _log.warning("warm_up_failed", retry_seconds=_RETRY_SECONDS, exc_info=True)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self.warm = True
                _log.info("service_ready")
