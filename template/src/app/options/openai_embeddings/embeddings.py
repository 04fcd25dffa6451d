"""Embeddings over OpenAI's API: one call is one request."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Annotated, Final, Self

import numpy as np
from openai import omit

from app.exceptions import InvalidResponseError
from gwkit.resilience.current_call import note_usage
from gwkit.resilience.replies import Lenient, Tokens, WireModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.options.openai.session import Session
    from gwkit.models.protocols import Vector, Vectors

__all__ = ["OpenAIEmbedder"]

_SHORTENABLE: Final = "text-embedding-3-"


class _Embedding(WireModel):
    index: int | None = None
    embedding: str | list[float]


class _Usage(WireModel):
    prompt_tokens: Tokens = None


class _Embeddings(WireModel):
    """The parts of a list of embeddings, or of an error, that are used here."""

    data: list[_Embedding] | None = None
    usage: Annotated[_Usage | None, Lenient] = None
    error: object = None


class OpenAIEmbedder:
    """An `Embedder` at OpenAI or a server like it; enter it before use, and its session is closed.

    A call takes as many texts as the server does; `gwkit.resilience.batching` is for more.

    Args:
        model: the vendor's name of the model.
        session: the connections.
        dimension: length of the vectors. The vendor's newer models shorten theirs to it; of others
            it says what they have.
    """

    def __init__(self, model: str, session: Session, *, dimension: int) -> None:
        self._model = model
        self._session = session
        self._dimension = dimension

    @property
    def name(self) -> str:
        """The embedder in the form `provider:model`."""
        return f"openai:{self._model}"

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._dimension

    @property
    def rank_weight(self) -> float:
        """Weight of a rank by these vectors: that of one by words, for they know meanings."""
        return 1.0

    async def __aenter__(self) -> Self:
        """Open the session."""
        await self._session.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the session."""
        await self._session.__aexit__(*exc_info)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text, in the order of the texts.

        Raises:
            InvalidResponseError: there is not one vector of the right length for each text.
            LLMError: as `gwkit.models.protocols` says.
        """
        if not texts:
            return np.empty((0, self._dimension), dtype=np.float32)
        embeddings = self._session.client.embeddings.with_raw_response
        with self._session.errors.mapped(texts):
            response = await self._session.send(
                lambda: embeddings.create(
                    model=self._model,
                    input=list(texts),
                    # A third of the size of numbers in text.
                    encoding_format="float"
                    if "encoding_format" in self._session.refused
                    else "base64",
                    dimensions=self._dimension if self._model.startswith(_SHORTENABLE) else omit,
                )
            )
        answer = self._session.parse(response.content, _Embeddings)
        if answer.error:
            raise self._session.errors.reported(answer.error, texts)
        if answer.usage and answer.usage.prompt_tokens:
            note_usage(answer.usage.prompt_tokens)
        # Servers that give no index keep to the order of the texts.
        data = answer.data or []
        indexes = [at if item.index is None else item.index for at, item in enumerate(data)]
        if sorted(indexes) != list(range(len(texts))):
            raise InvalidResponseError(
                response=f"the indexes {indexes}",
                expected=f"one embedding for each of {len(texts)} texts",
            )
        return np.stack([self._vector(data[at].embedding) for at in np.argsort(indexes)])

    async def embed_query(self, text: str) -> Vector:
        """Return the vector to search with, which is the text's as a document.

        Raises:
            LLMError: as in `embed_documents`.
        """
        vectors = await self.embed_documents([text])
        row: Vector = vectors[0]
        return row

    def _vector(self, embedding: str | list[float]) -> Vector:
        """Return an embedding with the length 1.

        Raises:
            InvalidResponseError: it is not of that many numbers.
        """
        try:
            vector = (
                np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
                if isinstance(embedding, str)
                else np.array(embedding, dtype=np.float32)
            )
        except (ValueError, binascii.Error) as exc:
            raise InvalidResponseError(response="", expected="numbers in base64") from exc
        if len(vector) != self._dimension or not np.isfinite(vector).all():
            raise InvalidResponseError(
                response=f"a vector of {len(vector)}",
                expected=f"a vector of {self._dimension} finite numbers (APP_EMBEDDING_DIMENSION)",
            )
        length = np.linalg.norm(vector)
        return (vector / (length or 1.0)).astype(np.float32)
