"""The store in Pinecone, at a stand-in for the service."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import pytest
from pydantic import SecretStr, ValidationError

from app.exceptions import RetrievalError
from app.graph.state import Question
from app.options.pinecone.index import PineconeIndex
from app.options.pinecone.settings import PineconeSettings
from app.retrieval.ranking import HybridRanking
from app.wiring import open_services
from fixtures.command_line import DOCUMENTS
from fixtures.embedder import FakeEmbedder
from fixtures.stores import StoreConformance
from gwkit.documents import Chunk, Document
from gwkit.index.store import UPLOAD, Filters, Manifest, SearchMode, SearchQuery

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from app.config.settings import Settings
    from fixtures.configuration import MakeSettings
    from options.pinecone.conftest import PineconeStandIn

_MANIFEST = Manifest("fake:words", 4, "blocks-v1/256/32")


@pytest.fixture
def server(pinecone_server: PineconeStandIn) -> PineconeStandIn:
    """Return the stand-in as an empty index of 4 dimensions."""
    pinecone_server.metric, pinecone_server.dimension = "dotproduct", 4
    pinecone_server.namespaces.clear()
    return pinecone_server


@pytest.fixture
def group(make_settings: MakeSettings, server: PineconeStandIn) -> PineconeSettings:
    """Return settings of that index."""
    return make_settings(pinecone_host=server.url, pinecone_api_key=SecretStr(server.key)).group(
        PineconeSettings
    )


class TestPinecone(StoreConformance):
    """The requirements on every store, on an index with dense and sparse vectors."""

    name = "pinecone"

    @pytest.fixture
    def settings(self, make_settings: MakeSettings, server: PineconeStandIn) -> Settings:
        """Return settings with a namespace of the test's own."""
        self.server = server
        server.dimension = FakeEmbedder().dimension
        return make_settings(
            vector_store="pinecone",
            pinecone_host=server.url,
            pinecone_api_key=SecretStr(server.key),
            pinecone_namespace=uuid4().hex,
        )

    def variables(self, settings: Settings) -> Mapping[str, str]:
        """Return the environment in which another process opens the store."""
        return {
            "APP_VECTOR_STORE": "pinecone",
            "APP_PINECONE_HOST": self.server.url,
            "APP_PINECONE_NAMESPACE": settings.group(PineconeSettings).pinecone_namespace,
            "PINECONE_API_KEY": self.server.key,
        }

    async def lose_connection(
        self, _settings: Settings, write: Coroutine[object, object, None]
    ) -> None:
        """Let the server fail in the write."""
        self.server.fail_next = 2
        await write
        assert 0 == self.server.fail_next


def test_a_chosen_store_needs_key_and_host(make_settings: MakeSettings) -> None:
    """The start ends with both variables at once; without the store nothing is asked for."""
    make_settings()
    with pytest.raises(ValidationError) as caught:
        make_settings(vector_store="pinecone")
    for variable in ("PINECONE_API_KEY", "APP_PINECONE_HOST"):
        assert f"{variable}: APP_VECTOR_STORE (pinecone) needs it" in str(caught.value)


@pytest.mark.parametrize(
    ("metric", "dimension", "problem"),
    [
        ("dotproduct", None, "is a sparse one"),
        ("dotproduct", 8, "has 8 dimensions; make one with 4 dimensions"),
        ("euclidean", 4, "has the metric euclidean"),
    ],
)
async def test_an_index_of_another_kind_is_refused(
    group: PineconeSettings,
    server: PineconeStandIn,
    metric: str,
    dimension: int | None,
    problem: str,
) -> None:
    """The error says what to make instead, and nothing is written."""
    server.metric, server.dimension = metric, dimension
    with pytest.raises(RetrievalError, match=problem):
        await PineconeIndex.open(group, _MANIFEST)
    assert not any(server.namespaces.values())


async def test_a_wrong_key_is_not_shown(
    make_settings: MakeSettings, server: PineconeStandIn
) -> None:
    """The error names the reason that the service gives."""
    wrong = make_settings(pinecone_host=server.url, pinecone_api_key=SecretStr("another-key"))
    with pytest.raises(RetrievalError, match="Invalid API Key") as caught:
        await PineconeIndex.open(wrong.group(PineconeSettings), _MANIFEST)
    assert "another-key" not in str(caught.value)


async def test_a_server_that_is_away_is_named(make_settings: MakeSettings) -> None:
    """It is asked again, and then the error says that it was Pinecone."""
    away = make_settings(pinecone_host="http://127.0.0.1:1", pinecone_api_key=SecretStr("key"))
    with pytest.raises(RetrievalError, match="the index in Pinecone could not do it"):
        await PineconeIndex.open(away.group(PineconeSettings), _MANIFEST)


async def test_a_metric_without_words_searches_by_vectors(
    group: PineconeSettings, server: PineconeStandIn
) -> None:
    """A hybrid search has one leg, and a search by words alone says what is missing."""
    server.metric = "cosine"
    async with await PineconeIndex.open(group, _MANIFEST) as index:
        await _write(index, "a.md", "needle")
        query = SearchQuery("hay", np.ones(4, dtype=np.float32), HybridRanking())
        assert ["a.md"] == [hit.document for hit in await index.search(query)]
        words = SearchQuery("hay", query.vector, query.ranking, mode=SearchMode.LEXICAL)
        with pytest.raises(RetrievalError, match="has no words"):
            await index.search(words)


async def test_a_sparse_index_serves_without_an_embedder(
    make_settings: MakeSettings, server: PineconeStandIn
) -> None:
    """Documents are ingested, cited and kept; filters by folders and by parts of names work."""
    server.dimension = None
    settings = make_settings(
        vector_store="pinecone", pinecone_host=server.url, pinecone_api_key=SecretStr(server.key)
    )
    async with open_services(settings) as services:
        summary = await services.pipeline.ingest([DOCUMENTS])
        assert (summary.submitted, 0) == (summary.added, summary.failed)
    async with open_services(settings) as services:
        again = await services.pipeline.ingest([DOCUMENTS])
        assert summary.submitted == again.unchanged
        answer = await services.answerer.answer(Question(question="How long is parental leave?"))
        assert "policies/leave.md" in {citation.document for citation in answer.citations}
        for prefix, found in (("policies/", True), ("policies/le", True), ("guides/", False)):
            hits = await services.retriever.search("parental leave", k=5, filters=Filters(prefix))
            assert found == ("policies/leave.md" in {hit.document for hit in hits})


async def test_a_rebuild_takes_over_what_others_wrote(group: PineconeSettings) -> None:
    """Uploads stay as they are at the end, an interrupted rebuild goes on, and so do readers."""
    async with await PineconeIndex.open(group, _MANIFEST) as old:
        await _write(old, "gone.md", "one")
        await _write(old, "upload.md", "one", UPLOAD)
        async with await PineconeIndex.open(group, _MANIFEST, rebuild=True) as new:
            await _write(new, "kept.md", "new")
        async with await PineconeIndex.open(group, _MANIFEST, rebuild=True) as new:
            assert {"kept.md"} == set(await new.ledger())
            await _write(old, "upload.md", "two", UPLOAD)
            await _write(old, "meanwhile.md", "new")
            version = await old.version()
            await new.publish()
            assert version < await new.version()

        query = SearchQuery("two", np.ones(4, dtype=np.float32), HybridRanking())
        assert "upload.md" in {hit.document for hit in await old.search(query)}
        ledger = await old.ledger()
        assert {"kept.md", "meanwhile.md", "upload.md"} == set(ledger)
        assert "hash of two" == ledger["upload.md"].content_hash


async def test_a_chunk_that_is_too_large_is_refused(group: PineconeSettings) -> None:
    """Pinecone's limit of metadata is named, and the older version stays."""
    async with await PineconeIndex.open(group, _MANIFEST) as index:
        await _write(index, "a.md", "needle")
        with pytest.raises(RetrievalError, match="metadata size exceeds the limit"):
            await _write(index, "a.md", "needle " * 10_000)
        assert "hash of needle" == (await index.ledger())["a.md"].content_hash


async def _write(index: PineconeIndex, name: str, text: str, source: str = "/a") -> None:
    document = Document(name, name, f"hash of {text}", (), source=source)
    await index.replace(document, [Chunk(0, text, (), 1)], np.ones((1, 4), dtype=np.float32))
