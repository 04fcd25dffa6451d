"""Embeddings that are paid for once: by content and model, across crashes and rebuilds."""

from __future__ import annotations

import asyncio
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import structlog

from gwkit.errors import InvalidResponseError
from gwkit.resilience.wrapped_embedder import WrappedEmbedder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwkit.models.protocols import Embedder, Vector, Vectors
    from gwkit.resilience.paid import PaidStore
    from gwkit.telemetry.metrics import Metrics

__all__ = ["CachedEmbedder"]

_log = structlog.stdlib.get_logger(__name__)

_LITTLE_ENDIAN = np.dtype("<f4")


class CachedEmbedder(WrappedEmbedder):
    """Wraps an embedder that costs something: what was embedded before is read from a file.

    What is missing goes out in one call and is kept before it is returned. So with batches around
    it, a crash, or a failure of a later batch, loses none that came back. A text that another
    caller is embedding at this moment is waited for. The last queries are kept, because an
    evaluation asks the same ones again and again.

    Args:
        embedder: what is wrapped.
        store: where the vectors are kept.
        metrics: counts texts by where their vectors are from.
    """

    def __init__(self, embedder: Embedder, store: PaidStore, *, metrics: Metrics) -> None:
        super().__init__(embedder)
        self._store = store
        self._metrics = metrics
        self._under_way: dict[bytes, asyncio.Future[None]] = {}

    async def embed_query(self, text: str) -> Vector:
        """Return the vector; the errors of the embedder and of the store pass through."""
        # A model may embed a query otherwise than a document of the same words.
        key = self._key(f"query\0{text}")
        while key in self._under_way:
            await asyncio.wait({self._under_way[key]})
        done = self._under_way[key] = asyncio.get_running_loop().create_future()
        try:
            kept = await self._store.find_query(key)
            self._count(int(kept is None), int(kept is not None))
            if kept is None:
                vector = await self._embedder.embed_query(text)
                kept = vector.astype(_LITTLE_ENDIAN).tobytes()
                await self._store.keep_query(key, kept)
        finally:
            del self._under_way[key]
            done.set_result(None)
        return np.frombuffer(kept, dtype=_LITTLE_ENDIAN).astype(np.float32)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text; the errors of the embedder and of the store pass through."""
        keys = [self._key(text) for text in texts]
        by_key = dict(zip(keys, texts, strict=True))
        found: dict[bytes, bytes] = {}
        while missing := [key for key in by_key if key not in found]:
            if free := [key for key in missing if key not in self._under_way]:
                found |= await self._obtained({key: by_key[key] for key in free})
            else:
                # Whoever embeds them may fail, so this looks again.
                await asyncio.wait({self._under_way[key] for key in missing})
        vectors = np.frombuffer(b"".join(found[key] for key in keys), dtype=_LITTLE_ENDIAN)
        return vectors.astype(np.float32).reshape(len(texts), self.dimension)

    async def _obtained(self, texts: dict[bytes, str]) -> dict[bytes, bytes]:
        """Return vectors that were kept, or else are made and kept now, by one caller only."""
        done = asyncio.get_running_loop().create_future()
        self._under_way |= dict.fromkeys(texts, done)
        try:
            found = await self._store.find(list(texts))
            missing = [key for key in texts if key not in found]
            self._count(len(missing), len(found))
            if missing:
                found |= await self._embedded({key: texts[key] for key in missing})
            return found
        finally:
            for key in texts:
                del self._under_way[key]
            done.set_result(None)

    async def _embedded(self, texts: dict[bytes, str]) -> dict[bytes, bytes]:
        """Embed texts, keep their vectors, and return them.

        Raises:
            InvalidResponseError: the embedder did not return a vector for each text.
        """
        vectors = await self._embedder.embed_documents(list(texts.values()))
        if vectors.shape != (len(texts), self.dimension):
            raise InvalidResponseError(
                response=f"vectors of shape {vectors.shape}",
                expected=f"{len(texts)} vectors of length {self.dimension}",
            )
        rows = (row.astype(_LITTLE_ENDIAN).tobytes() for row in vectors)
        made = dict(zip(texts, rows, strict=True))
        await self._store.keep(made)
        return made

    def _count(self, computed: int, found: int) -> None:
        _log.debug("embeddings_looked_up", model=self.name, missing=computed, found=found)
        for source, texts in (("model", computed), ("cache", found)):
            self._metrics.count("embeddings_total", texts, model=self.name, source=source)

    def _key(self, text: str) -> bytes:
        content = f"{self.name}\0{self.dimension}\0{text}".encode(errors="surrogatepass")
        return blake2b(content, digest_size=16).digest()
