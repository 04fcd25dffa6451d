"""Texts go to an embedder in batches that it takes, and their vectors come back in order."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import numpy as np
import structlog

from gwkit.errors import ProviderError, TokenLimitError
from gwkit.resilience.wrapped_embedder import WrappedEmbedder
from gwkit.text.characters import count_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gwkit.models.protocols import Embedder, Vector, Vectors

__all__ = ["BatchingEmbedder"]

_log = structlog.stdlib.get_logger(__name__)

# How servers refuse more texts, or more tokens, than they take.
_TOO_LARGE = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)


class BatchingEmbedder(WrappedEmbedder):
    """Wraps an embedder whose calls take only so much.

    Batches go one after the other: what is embedded is there, whatever happens to the next one.

    Args:
        embedder: gets the batches.
        most_texts: texts in a batch.
        most_tokens: estimated tokens in a batch; a longer text is a batch of its own.
    """

    def __init__(self, embedder: Embedder, *, most_texts: int, most_tokens: int) -> None:
        super().__init__(embedder)
        self._most_texts = most_texts
        self._most_tokens = most_tokens

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text, in the order of the texts; its errors pass through."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for batch in self._batches(texts):
            # A batch with a row too many or too few does not fit its place, which is an error.
            vectors[batch] = await self._embedded(texts[batch])
        return vectors

    async def _embedded(self, texts: Sequence[str]) -> Vectors:
        """Embed a batch; one that the server may find too large goes in halves, as later ones do.

        Raises:
            ProviderError: the server refuses a single text as well.
            TokenLimitError: a single text is too long.
        """
        try:
            return await self._embedder.embed_documents(texts)
        except (ProviderError, TokenLimitError) as exc:
            if len(texts) == 1 or getattr(exc, "status", 413) not in _TOO_LARGE:
                raise
        half = (len(texts) + 1) // 2
        halves = [await self._embedded(texts[:half]), await self._embedded(texts[half:])]
        if half < self._most_texts:
            self._most_texts = half
            _log.warning("embedding_batch_reduced", model=self.name, most_texts=half)
        return np.concatenate(halves)

    async def embed_query(self, text: str) -> Vector:
        """Return the wrapped embedder's vector; its errors pass through."""
        return await self._embedder.embed_query(text)

    def _batches(self, texts: Sequence[str]) -> Iterator[slice]:
        start = tokens = 0
        for number, text in enumerate(texts):
            size = count_tokens(text)
            full = number - start >= self._most_texts or tokens + size > self._most_tokens
            if full and number > start:
                yield slice(start, number)
                start, tokens = number, 0
            tokens += size
        if start < len(texts):
            yield slice(start, len(texts))
