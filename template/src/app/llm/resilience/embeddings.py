"""An embedder that survives what providers do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.llm.calls import Call, in_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import TypeVar

    from app.llm.ports import Embedder, Vector, Vectors
    from app.llm.resilience.attempts import Attempts

    _T = TypeVar("_T")

__all__ = ["ResilientEmbedder"]


class ResilientEmbedder:
    """Wraps an embedder as `app.llm.resilience.chat` wraps a chat model.

    Args:
        embedder: what is wrapped.
        attempts: the parts around each attempt.
        timeout_seconds: longest time of one call with all its attempts.
    """

    def __init__(self, embedder: Embedder, attempts: Attempts, *, timeout_seconds: float) -> None:
        self._embedder = embedder
        self._attempts = attempts
        self._timeout_seconds = timeout_seconds

    @property
    def name(self) -> str:
        """The wrapped embedder's name."""
        return self._embedder.name

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._embedder.dimension

    @property
    def rank_weight(self) -> float:
        """What a rank by these vectors counts."""
        return self._embedder.rank_weight

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return the wrapped embedder's vectors; the last attempt's error goes on."""
        return await self._tried(lambda: self._embedder.embed_documents(texts))

    async def embed_query(self, text: str) -> Vector:
        """Return the wrapped embedder's vector; the last attempt's error goes on."""
        return await self._tried(lambda: self._embedder.embed_query(text))

    async def _tried(self, work: Callable[[], Awaitable[_T]]) -> _T:
        async def attempt() -> _T:
            async with self._attempts.one():
                return await in_time(work(), self._attempts.timeout_seconds, model=self.name)

        with Call.begin(seconds=self._timeout_seconds).entered():
            return await self._attempts.retry.run(attempt)
