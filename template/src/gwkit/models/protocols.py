"""The two protocols of language models. A provider is one module that implements one or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from gwkit.models.messages import ChatReply, ChatRequest, Delta

__all__ = ["ChatModel", "Embedder", "Vector", "Vectors"]

Vector = NDArray[np.float32]
"""One embedding, of shape `(dimension,)`, of Euclidean length 1 (or 0 for a text without words)."""

Vectors = NDArray[np.float32]
"""Embeddings of n texts, of shape `(n, dimension)`, each row as in `Vector`."""


class ChatModel(Protocol):
    """Writes the reply to a conversation."""

    @property
    def name(self) -> str:
        """The model in the form `provider:model`."""

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Return the whole reply.

        Raises:
            LLMError: the model could not answer; the subclass says why.
        """

    def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | ChatReply]:
        """Yield the reply in pieces, and at last the whole of it.

        A generator, so that a caller who stops reading early closes it and ends the call.

        Raises:
            LLMError: as in `complete`, also after the first piece.
        """


class Embedder(Protocol):
    """Turns texts into vectors whose scalar product says how near the texts are."""

    @property
    def name(self) -> str:
        """The embedder in the form `provider:model`, as the index manifest records it."""

    @property
    def dimension(self) -> int:
        """Length of every vector."""

    @property
    def rank_weight(self) -> float:
        """The weight of a rank by these vectors in a hybrid search, where one by words has 1.

        It lies in (0, 1]: 1 for vectors that know meanings.
        """

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text, in the order of the texts.

        Raises:
            LLMError: the embedder could not answer.
        """

    async def embed_query(self, text: str) -> Vector:
        """Return the vector to search with.

        Raises:
            LLMError: the embedder could not answer.
        """
