"""An embedder that survives what providers do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gwkit.resilience.current_call import Call
from gwkit.resilience.timeouts import in_time
from gwkit.resilience.wrapped_embedder import WrappedEmbedder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import TypeVar

    from gwkit.models.protocols import Embedder, Vector, Vectors
    from gwkit.resilience.policy import CallPolicy

    _T = TypeVar("_T")

__all__ = ["ResilientEmbedder"]


class ResilientEmbedder(WrappedEmbedder):
    """Wraps an embedder as `gwkit.resilience.chat` wraps a chat model.

    Args:
        embedder: what is wrapped.
        policy: how each attempt is made.
        timeout_seconds: longest time of one call with all its attempts.
    """

    def __init__(self, embedder: Embedder, policy: CallPolicy, *, timeout_seconds: float) -> None:
        super().__init__(embedder)
        self._policy = policy
        self._timeout_seconds = timeout_seconds

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return the wrapped embedder's vectors; the last attempt's error goes on."""
        return await self._tried(lambda: self._embedder.embed_documents(texts))

    async def embed_query(self, text: str) -> Vector:
        """Return the wrapped embedder's vector; the last attempt's error goes on."""
        return await self._tried(lambda: self._embedder.embed_query(text))

    async def _tried(self, work: Callable[[], Awaitable[_T]]) -> _T:
        async def attempt() -> _T:
            async with self._policy.attempt():
                return await in_time(work(), self._policy.timeout_seconds, model=self.name)

        with Call.begin(seconds=self._timeout_seconds).entered():
            return await self._policy.retry.run(attempt)
