"""No text is paid for twice by the same model: not later, not after a crash, not concurrently."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures.embedder import FakeEmbedder
from gwkit.errors import InvalidResponseError, ProviderError
from gwkit.resilience.batching import BatchingEmbedder
from gwkit.resilience.embedding_cache import CachedEmbedder
from gwkit.resilience.paid import PaidStore
from gwkit.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from gwkit.models.protocols import Vectors

SERVER = ProviderError("server", status=500, passing=True)


class Batches(FakeEmbedder):
    """Records its batches, and fails from the n-th on."""

    def __init__(
        self, *, fails_from: int = 99, name: str = "fake:words", dimension: int = 16
    ) -> None:
        super().__init__(name, dimension)
        self.fails_from = fails_from
        self.batches: list[list[str]] = []

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Embed, after a while."""
        self.batches.append(list(texts))
        await asyncio.sleep(0)
        if len(self.batches) >= self.fails_from:
            raise SERVER
        return await super().embed_documents(texts)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[PaidStore]:
    """Return an open store."""
    async with PaidStore(tmp_path / "paid.sqlite") as store:
        yield store


def cached(
    embedder: FakeEmbedder, store: PaidStore, metrics: Metrics | None = None
) -> CachedEmbedder:
    """Return the embedder with a cache."""
    return CachedEmbedder(embedder, store, metrics=metrics or Metrics())


async def test_rows_are_those_of_the_texts(store: PaidStore) -> None:
    """In order, with repetitions, new or cached, as without a cache."""
    texts = ["one two", "three", "one two", "four", "five six"]
    plain = await FakeEmbedder().embed_documents(texts)
    fake = Batches()
    model = cached(fake, store)
    assert ("fake:words", 16, 1.0) == (model.name, model.dimension, model.rank_weight)
    for _ in range(2):
        vectors = await model.embed_documents(texts)
        assert np.array_equal(plain, vectors)
        assert ("float32", True) == (vectors.dtype.name, vectors.flags.writeable)
    assert [["one two", "three", "four", "five six"]] == fake.batches
    assert (0, 16) == (await model.embed_documents([])).shape


async def test_batches_that_came_back_are_kept(store: PaidStore) -> None:
    """After a failure or a crash only the rest is paid for."""
    texts = [f"text {number}" for number in range(6)]

    def in_batches(fake: FakeEmbedder) -> BatchingEmbedder:
        return BatchingEmbedder(cached(fake, store), most_texts=2, most_tokens=1_000)

    with pytest.raises(ProviderError):
        await in_batches(Batches(fails_from=3)).embed_documents(texts)
    fake = Batches()
    await in_batches(fake).embed_documents(texts)
    assert [texts[4:]] == fake.batches


@pytest.mark.parametrize("fake", [Batches(name="fake:other"), Batches(dimension=8)])
async def test_another_model_has_other_vectors(store: PaidStore, fake: Batches) -> None:
    """The name and the dimension belong to the key."""
    await cached(Batches(), store).embed_documents(["one"])
    vectors = await cached(fake, store).embed_documents(["one"])
    assert [["one"]] == fake.batches
    assert (1, fake.dimension) == vectors.shape


async def test_what_is_under_way_is_waited_for(store: PaidStore) -> None:
    """Two documents with a common text, ingested concurrently, pay for it once."""
    fake = Batches()
    model = cached(fake, store)
    one, two = await asyncio.gather(
        model.embed_documents(["shared", "one"]), model.embed_documents(["two", "shared"])
    )
    assert np.array_equal(one[0], two[1])
    assert [["shared", "one"], ["two"]] == fake.batches


async def test_who_waited_for_a_failure_tries_alone(store: PaidStore) -> None:
    """The first caller gets the error, the waiting one its vectors."""

    class FailsOnce(Batches):
        async def embed_documents(self, texts: Sequence[str]) -> Vectors:
            """Fail the first time."""
            self.fails_from = 1 if not self.batches else 99
            return await super().embed_documents(texts)

    model = cached(FailsOnce(), store)
    failed, vectors = await asyncio.gather(
        model.embed_documents(["shared"]),
        model.embed_documents(["shared"]),
        return_exceptions=True,
    )
    assert failed is SERVER
    assert isinstance(vectors, np.ndarray)


async def test_a_wrong_count_is_not_kept(store: PaidStore) -> None:
    """Vectors that come back in the wrong shape cannot be told apart."""

    class Short(FakeEmbedder):
        async def embed_documents(self, texts: Sequence[str]) -> Vectors:
            """Return a row too few."""
            return (await super().embed_documents(texts))[1:]

    with pytest.raises(InvalidResponseError):
        await cached(Short(), store).embed_documents(["one", "two"])
    fake = Batches()
    await cached(fake, store).embed_documents(["one", "two"])
    assert [["one", "two"]] == fake.batches


async def test_where_vectors_are_from_is_counted(store: PaidStore) -> None:
    """The metric counts different texts of a document, embedded or cached."""
    metrics = Metrics()
    model = cached(Batches(), store, metrics)
    await model.embed_documents(["one", "two", "one"])
    await model.embed_documents(["one", "three"])
    await model.embed_documents(["two"])
    text = metrics.exposition().decode()
    assert 'embeddings_total{model="fake:words",source="model"} 3.0' in text
    assert 'embeddings_total{model="fake:words",source="cache"} 2.0' in text


async def test_a_query_is_paid_for_once(store: PaidStore) -> None:
    """Later, in another process and concurrently; a document with the same words is separate."""
    fake, metrics = Batches(), Metrics()
    model = cached(fake, store, metrics)
    first, second = await asyncio.gather(model.embed_query("why"), model.embed_query("why"))
    third = await cached(fake, store, metrics).embed_query("why")
    plain = await FakeEmbedder().embed_query("why")
    assert all(np.array_equal(plain, vector) for vector in (first, second, third))
    assert ("float32", True) == (third.dtype.name, third.flags.writeable)
    assert ["why"] == fake.embedded
    await model.embed_documents(["why"])
    assert [["why"]] == fake.batches
    text = metrics.exposition().decode()
    assert 'embeddings_total{model="fake:words",source="cache"} 2.0' in text


async def test_a_query_that_failed_is_asked_again(store: PaidStore) -> None:
    """A failure is not cached, and blocks no caller."""
    with pytest.raises(ProviderError):
        await cached(FakeEmbedder(error=SERVER), store).embed_query("why")
    fake = Batches()
    await cached(fake, store).embed_query("why")
    assert ["why"] == fake.embedded
