"""Batching of texts, and the order of their vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.embedder import FakeEmbedder
from gwkit.errors import ProviderError, RateLimitError, TokenLimitError
from gwkit.resilience.batching import BatchingEmbedder
from gwkit.text.characters import count_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwkit.models.protocols import Vectors


class Batches(FakeEmbedder):
    """Records its batches, fails at one of them, and rejects those that are too large."""

    def __init__(
        self, *, fails_at: int | None = None, takes: int = 99, error: Exception | None = None
    ) -> None:
        super().__init__()
        self.batches: list[list[str]] = []
        self.takes = takes
        self.refused = 0
        self._error = error
        self._fails_at = fails_at

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text."""
        if len(self.batches) == self._fails_at:
            raise RateLimitError("wait")
        if self._error and len(texts) > self.takes:
            self.refused += 1
            raise self._error
        self.batches.append(list(texts))
        return await super().embed_documents(texts)


@given(
    texts=st.lists(st.text(alphabet="ab ", min_size=1, max_size=60), max_size=30),
    most_texts=st.integers(1, 5),
    most_tokens=st.integers(1, 20),
)
async def test_every_text_is_in_one_batch_in_order(
    texts: list[str], most_texts: int, most_tokens: int
) -> None:
    """No batch is too large, except for a single text; the rows are as without batches."""
    inner = Batches()
    embedder = BatchingEmbedder(inner, most_texts=most_texts, most_tokens=most_tokens)
    rows = await embedder.embed_documents(texts)
    assert texts == [text for batch in inner.batches for text in batch]
    for batch in inner.batches:
        assert 1 <= len(batch) <= most_texts
        assert len(batch) == 1 or sum(map(count_tokens, batch)) <= most_tokens
    assert np.array_equal(await FakeEmbedder().embed_documents(texts), rows)


async def test_what_failed_stops_the_rest() -> None:
    """The batches before it are complete, and its error is passed on."""
    inner = Batches(fails_at=2)
    embedder = BatchingEmbedder(inner, most_texts=1, most_tokens=100)
    with pytest.raises(RateLimitError):
        await embedder.embed_documents(["one", "two", "three", "four"])
    assert [["one"], ["two"]] == inner.batches


@pytest.mark.parametrize(
    "error", [ProviderError("", status=413), TokenLimitError(tokens_used=9, limit=5)]
)
async def test_a_batch_that_is_too_large_goes_in_halves(error: Exception) -> None:
    """The rows stay in order, and later batches do not exceed the size that the server accepted."""
    inner = Batches(takes=2, error=error)
    embedder = BatchingEmbedder(inner, most_texts=8, most_tokens=1_000)
    texts = [f"text {number}" for number in range(8)]
    rows = await embedder.embed_documents(texts)
    assert np.array_equal(await FakeEmbedder().embed_documents(texts), rows)
    assert [2, 2, 2, 2] == [len(batch) for batch in inner.batches]
    await embedder.embed_documents(texts)
    assert [2] * 8 == [len(batch) for batch in inner.batches]
    assert 3 == inner.refused


@pytest.mark.parametrize(
    ("error", "refused"),
    [(ProviderError("", status=400), 4), (ProviderError("", status=404), 1)],
)
async def test_a_request_that_is_wrong_at_any_size_fails(error: Exception, refused: int) -> None:
    """It fails after a few attempts, or at once if its size is not the reason; the size stays."""
    inner = Batches(takes=0, error=error)
    embedder = BatchingEmbedder(inner, most_texts=8, most_tokens=1_000)
    with pytest.raises(ProviderError):
        await embedder.embed_documents([f"text {number}" for number in range(8)])
    assert refused == inner.refused
    inner.takes = 8
    await embedder.embed_documents([f"text {number}" for number in range(8)])
    assert [8] == [len(batch) for batch in inner.batches]


async def test_the_rest_is_the_wrapped_embedder_s() -> None:
    """Its name, its vectors' length and weight, and its queries are passed through."""
    inner = FakeEmbedder(rank_weight=0.5)
    embedder = BatchingEmbedder(inner, most_texts=1, most_tokens=1)
    assert ("fake:words", 16, 0.5) == (embedder.name, embedder.dimension, embedder.rank_weight)
    expected = await inner.embed_query("three words long")
    assert np.array_equal(expected, await embedder.embed_query("three words long"))
