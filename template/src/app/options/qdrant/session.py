"""Requests to Qdrant: tried again where that may help, with errors of the service."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

import structlog
from qdrant_client import AsyncQdrantClient
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import (
    ApiException,
    ResponseHandlingException,
    UnexpectedResponse,
)

from app.exceptions import RetrievalError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from app.options.qdrant.settings import QdrantSettings

__all__ = ["Session"]

_T = TypeVar("_T")

_log = structlog.stdlib.get_logger(__name__)

_PAUSES: Final = (0.1, 0.5, 2.0)
"""Seconds before each further attempt at a request."""

_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500


class Session:
    """One pooled client of a server, or of the local mode.

    Args:
        settings: the address, or the folder.
    """

    def __init__(self, settings: QdrantSettings) -> None:
        self._settings = settings
        self.is_local = settings.qdrant_path is not None
        self._lock = asyncio.Lock()
        self._client: AsyncQdrantClient | None = None

    async def open(self) -> None:
        """Make the client.

        Raises:
            RetrievalError: another process uses the folder of the local mode.
        """
        try:
            self._client = await asyncio.to_thread(self._make)
        except (OSError, RuntimeError) as exc:
            raise RetrievalError(f"the index in Qdrant cannot be opened ({exc})") from exc

    async def close(self) -> None:
        """Close the connections; may be called again."""
        client, self._client = self._client, None
        if client is not None and self.is_local:
            await asyncio.to_thread(asyncio.run, client.close())
        elif client is not None:
            await client.close()

    async def call(
        self, request: Callable[[AsyncQdrantClient], Coroutine[object, object, _T]]
    ) -> _T:
        """Return the result of a request, which must not matter if it is done twice.

        Raises:
            RetrievalError: the server could not do it.
        """
        pauses = iter(_PAUSES)
        while True:
            if self._client is None:
                raise RetrievalError("the index in Qdrant is closed")
            try:
                if not self.is_local:
                    return await request(self._client)
                # The local mode blocks, and is not made for several threads at a time.
                async with self._lock:
                    return await asyncio.to_thread(asyncio.run, request(self._client))
            except (ApiException, QdrantException, ValueError) as exc:
                pause = next(pauses, None) if _may_pass(exc) else None
                if pause is None:
                    detail = " ".join(str(getattr(exc, "source", exc)).split())
                    msg = f"the index in Qdrant could not do it ({detail or type(exc).__name__})"
                    raise RetrievalError(msg) from exc
                _log.warning("request_repeated", reason=type(exc).__name__, seconds=pause)
                await asyncio.sleep(pause)

    def _make(self) -> AsyncQdrantClient:
        settings = self._settings
        if settings.qdrant_path is not None:
            path = str(settings.qdrant_path)
            return AsyncQdrantClient(path=path, force_disable_check_same_thread=True)
        key = settings.qdrant_api_key
        return AsyncQdrantClient(
            url=settings.qdrant_url,
            api_key=key.get_secret_value() if key else None,
            timeout=settings.qdrant_timeout_seconds,
            check_compatibility=False,
        )


def _may_pass(error: Exception) -> bool:
    if isinstance(error, UnexpectedResponse):
        status = error.status_code or _SERVER_ERROR
        return status == _TOO_MANY or status >= _SERVER_ERROR
    return isinstance(error, (ResponseHandlingException, QdrantException))
