"""Requests to Pinecone, with errors of the service, and what kind of index it is.

The vendor's client repeats what failed for a passing reason, and waits as the server asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pinecone import AsyncIndex, PineconeError

from app.exceptions import RetrievalError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from app.options.pinecone.settings import PineconeSettings

__all__ = ["IndexKind", "Session"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class IndexKind:
    """The vectors that an index takes: dense ones, sparse ones, or both."""

    dense: bool
    sparse: bool


class Session:
    """One pooled client of an index.

    Args:
        settings: where the index is.
    """

    def __init__(self, settings: PineconeSettings) -> None:
        key = settings.pinecone_api_key
        self._client: AsyncIndex | None = AsyncIndex(
            host=settings.pinecone_host or "",
            api_key=key.get_secret_value() if key else None,
            timeout=settings.pinecone_timeout_seconds,
        )

    @property
    def client(self) -> AsyncIndex:
        """The client.

        Raises:
            RetrievalError: it is closed.
        """
        if self._client is None:
            raise RetrievalError("the index in Pinecone is closed")
        return self._client

    async def close(self) -> None:
        """Close the connections; may be called again."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def call(self, request: Coroutine[object, object, _T]) -> _T:
        """Return the result of a request.

        Raises:
            RetrievalError: the server could not do it.
        """
        try:
            return await request
        except PineconeError as exc:
            detail = " ".join(str(exc).split()) or type(exc).__name__
            raise RetrievalError(f"the index in Pinecone could not do it ({detail})") from exc

    async def kind(self, dimension: int) -> IndexKind:
        """Return the kind of the index.

        Args:
            dimension: length of the vectors that it has to take, 0 if there are none.

        Raises:
            RetrievalError: it does not take them, or cannot be reached.
        """
        stats = await self.call(self.client.describe_index_stats())
        if stats.vector_type == "sparse":
            if dimension:
                raise RetrievalError(
                    "the index in Pinecone is a sparse one; make a dense one with the metric "
                    f"dotproduct and {dimension} dimensions for the embedder"
                )
            return IndexKind(dense=False, sparse=True)
        if stats.dimension != dimension:
            wanted = f"{dimension} dimensions" if dimension else "the type sparse (no embedder)"
            raise RetrievalError(
                f"the index in Pinecone has {stats.dimension} dimensions; make one with {wanted}"
            )
        if stats.metric not in {"dotproduct", "cosine"}:
            raise RetrievalError(
                f"the index in Pinecone has the metric {stats.metric}; make one with dotproduct"
            )
        return IndexKind(dense=True, sparse=stats.metric == "dotproduct")
