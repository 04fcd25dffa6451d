"""An embedder whose model runs in this process, in threads of its own."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

import numpy as np
import structlog

from app.exceptions import AppError, ProviderError
from app.options.local_embeddings.model import OnnxModel
from gwkit.executor import BoundedExecutor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from app.options.local_embeddings.settings import LocalEmbeddingSettings
    from gwkit.models.protocols import Vector, Vectors

__all__ = ["LocalEmbedder"]

_log = structlog.stdlib.get_logger(__name__)


class LocalEmbedder:
    """An `Embedder`; made by `open`, as a context manager.

    Questions have a thread of their own, so that they do not wait for documents.

    Args:
        name: in the form `local:name`.
        model: does the work.
        settings: how texts are prepared, and how many are read at a time.
    """

    rank_weight: float = 1.0
    """Weight of a rank by these vectors: that of one by words, for they know meanings."""

    def __init__(self, name: str, model: OnnxModel, settings: LocalEmbeddingSettings) -> None:
        self._name = name
        self._model = model
        self._settings = settings
        self._documents = BoundedExecutor(1, name="embed-documents")
        self._queries = BoundedExecutor(1, name="embed-queries")

    @classmethod
    @asynccontextmanager
    async def open(cls, name: str, settings: LocalEmbeddingSettings) -> AsyncIterator[Self]:
        """Load the model, and try it once.

        Args:
            name: in the form `local:name`; the folder has the same name.
            settings: where the folder is, and how the model is used.

        Raises:
            ConfigError: there is no such folder, or its model cannot be used.
        """
        folder = settings.local_models_path / name.partition(":")[2]
        started = time.perf_counter()
        model = await asyncio.to_thread(OnnxModel.load, folder, settings)
        _log.info(
            "local_model_loaded",
            model=name,
            dimension=model.dimension,
            latency_ms=round(1000 * (time.perf_counter() - started), 1),
        )
        embedder = cls(name, model, settings)
        try:
            yield embedder
        finally:
            await asyncio.to_thread(embedder.close)

    def close(self) -> None:
        """Let the threads end; blocks until they have."""
        self._documents.close()
        self._queries.close()

    @property
    def name(self) -> str:
        """The embedder in the form `local:name#fingerprint`.

        An index of another model is refused, also if that had the same name.
        """
        return f"{self._name}#{self._model.fingerprint}"

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._model.dimension

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text, in the order of the texts.

        Raises:
            ProviderError: the model failed.
        """
        prefix = self._settings.local_document_prefix or ""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        # Texts of about one length together: all of a batch are as long as its longest.
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        for start in range(0, len(order), self._settings.local_batch_texts):
            some = order[start : start + self._settings.local_batch_texts]
            batch = [prefix + texts[at] for at in some]
            vectors[some] = await self._computed(self._documents, batch)
        return vectors

    async def embed_query(self, text: str) -> Vector:
        """Return the vector to search with.

        Raises:
            ProviderError: the model failed.
        """
        text = (self._settings.local_query_prefix or "") + text
        row: Vector = (await self._computed(self._queries, [text]))[0]
        return row

    async def _computed(self, executor: BoundedExecutor, texts: Sequence[str]) -> Vectors:
        try:
            return await executor.run(self._model.embed, texts)
        except AppError:
            raise
        except Exception as exc:  # the runtime has no class for its errors
            raise ProviderError(f"{self._name} could not read a text: {exc}") from exc
