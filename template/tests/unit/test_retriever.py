"""The retriever, over fakes of index and embedder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
import structlog

from app.retrieval.retriever import Retriever
from fixtures.embedder import FakeEmbedder
from gwkit.errors import LLMError, NoVectorsError, RetrievalError
from gwkit.index.store import Filters, Hit, Index, SearchMode, SearchQuery
from gwkit.offline.no_embedder import NoEmbedder
from gwkit.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwkit.models.protocols import Embedder

HIT = Hit("a.md#3", "a.md", 3, "A", ("A", "B"), "text", 0.75, {})


@dataclass
class FakeIndex:
    """An index that finds one hit and records the queries."""

    queries: list[SearchQuery] = field(default_factory=list)

    async def search(self, query: SearchQuery) -> Sequence[Hit]:
        """Return the hit."""
        self.queries.append(query)
        return [HIT][: query.k]


def make(
    index: FakeIndex, embedder: Embedder | None = None, metrics: Metrics | None = None
) -> Retriever:
    """Return a retriever over an index that only searches."""
    return Retriever(
        index=cast("Index", index),
        embedder=embedder or FakeEmbedder(),
        metrics=metrics or Metrics(),
    )


async def test_the_query_is_passed_on_whole() -> None:
    """The index gets text, vector, number, filters, mode and vector weight."""
    index, embedder = FakeIndex(), FakeEmbedder(rank_weight=0.5)
    filters = Filters("docs/", {"type": "md"})

    hits = await make(index, embedder).search("two words", k=4, filters=filters)

    (query,) = index.queries
    assert [HIT] == list(hits)
    assert ("two words", 50, filters, SearchMode.HYBRID, 0.5) == (
        query.text,
        query.k,
        query.filters,
        query.mode,
        query.vector_weight,
    )
    assert np.array_equal(await embedder.embed_query("two words"), query.vector)


async def test_without_an_embedder_words_are_searched() -> None:
    """Hybrid search is then a search by words, and one by vectors is refused."""
    index = FakeIndex()
    retriever = make(index, NoEmbedder())

    assert [HIT] == list(await retriever.search("words", k=1))
    assert [SearchMode.LEXICAL] == [query.mode for query in index.queries] == retriever.modes()
    with pytest.raises(NoVectorsError, match="no embedder"):
        await retriever.search("words", k=1, mode=SearchMode.VECTOR)


async def test_a_lexical_search_does_not_embed() -> None:
    """No vector is computed if the mode needs none, because an embedder may cost money."""
    index, embedder = FakeIndex(), FakeEmbedder()

    await make(index, embedder).search("words", k=1, mode=SearchMode.LEXICAL)

    assert [] == embedder.embedded
    assert (embedder.dimension,) == index.queries[0].vector.shape


async def test_each_search_is_timed_by_its_mode() -> None:
    """The metrics have a series for each mode."""
    metrics = Metrics()
    retriever = make(FakeIndex(), metrics=metrics)

    for mode in (SearchMode.HYBRID, SearchMode.HYBRID, SearchMode.VECTOR):
        await retriever.search("words", k=1, mode=mode)

    exposed = metrics.exposition().decode()
    assert 'search_seconds_count{mode="hybrid"} 2.0' in exposed
    assert 'search_seconds_count{mode="vector"} 1.0' in exposed


async def test_a_search_is_one_event_without_the_text() -> None:
    """The log has the outcome, but not the query."""
    with structlog.testing.capture_logs() as events:
        await make(FakeIndex()).search("private words", k=2)

    done, hit = events
    assert ("search_done", "info", "hybrid", 2, 1, "a.md#3", False) == tuple(
        done[name] for name in ("event", "log_level", "mode", "k", "hits", "best", "filtered")
    )
    assert ("search_hit", "debug", 1, "a.md#3", 0.75) == tuple(
        hit[name] for name in ("event", "log_level", "rank", "chunk", "score")
    )
    assert "private" not in repr(events)


async def test_finding_nothing_is_no_error() -> None:
    """No hits are a valid result."""
    with structlog.testing.capture_logs() as events:
        assert [] == list(await make(FakeIndex()).search("words", k=0))

    assert [(0, None)] == [(event["hits"], event["best"]) for event in events]


async def test_an_embedders_error_passes_through() -> None:
    """The caller gets the error of the embedder."""
    index = FakeIndex()

    with pytest.raises(LLMError, match="down"):
        await make(index, FakeEmbedder(error=LLMError("down"))).search("words", k=1)

    assert [] == index.queries


class FakeReranker:
    """Gives each hit a new score, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls = 0

    async def rerank(self, _query: str, hits: Sequence[Hit]) -> Sequence[Hit]:
        """Return the hits with a score of 0.5."""
        self.calls += 1
        if self.error:
            raise self.error
        return [replace(hit, score=0.5) for hit in hits]


@pytest.mark.parametrize(
    ("error", "score", "outcome"),
    [(None, 0.5, "succeeded"), (RetrievalError("down"), 0.75, "failed")],
)
async def test_a_reranker_that_fails_leaves_the_hits(
    error: Exception | None, score: float, outcome: str
) -> None:
    """A search goes on without it, with one warning, and the outcome is counted."""
    metrics = Metrics()
    retriever = make(FakeIndex(), metrics=metrics)
    retriever.reranker = FakeReranker(error)

    with structlog.testing.capture_logs() as logs:
        hits = await retriever.search("words", k=1)

    assert [replace(HIT, score=score)] == list(hits)
    warnings = [log["error"] for log in logs if log["event"] == "rerank_failed"]
    assert (["down"] if error else []) == warnings
    assert f'reranks_total{{outcome="{outcome}"}} 1.0' in metrics.exposition().decode()


async def test_what_else_a_reranker_raises_passes_through() -> None:
    """A defect of a team's reranker is not hidden."""
    retriever = make(FakeIndex())
    retriever.reranker = FakeReranker(KeyError("a defect"))
    with pytest.raises(KeyError, match="a defect"):
        await retriever.search("words", k=1)


async def test_no_hits_are_not_reranked() -> None:
    """A reranker is not asked about nothing."""
    reranker = FakeReranker()
    retriever = make(FakeIndex())
    retriever.reranker = reranker
    assert [] == list(await retriever.search("words", k=0))
    assert 0 == reranker.calls


async def test_of_a_long_query_the_beginning_is_searched_for() -> None:
    """Very long queries have a bounded cost."""
    index = FakeIndex()
    await make(index).search("a b " * 25_000, k=1)

    assert "a b " * 2_500 == index.queries[0].text
