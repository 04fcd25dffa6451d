"""Wraps any embedder so that every call is logged, counted and traced."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from gwkit.models.calls import CallRecorder
from gwkit.models.messages import Usage
from gwkit.resilience.current_call import Call
from gwkit.resilience.wrapped_embedder import WrappedEmbedder
from gwkit.telemetry.traces import Attribute, Operation
from gwkit.text.characters import count_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gwkit.models.protocols import Embedder, Vector, Vectors
    from gwkit.telemetry.metrics import Metrics

__all__ = ["ObservedEmbedder"]


class ObservedEmbedder(WrappedEmbedder):
    """Wraps an embedder as `ObservedChatModel` wraps a chat model."""

    def __init__(
        self,
        embedder: Embedder,
        *,
        metrics: Metrics,
        charge: Callable[[Usage], float | None],
    ) -> None:
        super().__init__(embedder)
        self._recorder = CallRecorder(
            Operation.EMBEDDINGS, embedder.name, metrics, charge, meter=Call.begin
        )

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return the wrapped embedder's vectors; its errors pass through."""
        with self._recording(texts):
            return await self._embedder.embed_documents(texts)

    async def embed_query(self, text: str) -> Vector:
        """Return the wrapped embedder's vector; its errors pass through."""
        with self._recording([text]):
            return await self._embedder.embed_query(text)

    @contextmanager
    def _recording(self, texts: Sequence[str]) -> Iterator[None]:
        sent = sum(map(count_tokens, texts))
        with self._recorder.recording(sent) as record:
            record.fields["texts"] = len(texts)
            record.attributes[Attribute.DIMENSION] = self.dimension
            with record.entered():
                yield
            record.usage = Usage(prompt_tokens=sent, completion_tokens=0)
