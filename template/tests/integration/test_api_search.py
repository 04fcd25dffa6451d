"""`POST /v1/search`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.asgi import open_client
from gwkit.errors import RetrievalError
from gwkit.index.store import Filters, SearchMode

if TYPE_CHECKING:
    import httpx2

    from fixtures.services import Fakes


async def test_the_best_chunks_come_first(live_client: httpx2.AsyncClient) -> None:
    """On the real index: at most `k` chunks with all their parts, best first."""
    response = await live_client.post("/v1/search", json={"query": "new laptop", "k": 2})

    hits = response.json()["hits"]
    scores = [hit["score"] for hit in hits]
    assert 2 == len(hits)
    assert sorted(scores, reverse=True) == scores
    assert {"document", "chunk", "score", "title", "headings", "text", "metadata"} == set(hits[0])
    assert response.headers["x-request-id"] == response.json()["request_id"]


async def test_a_search_by_vectors_needs_an_embedder(live_client: httpx2.AsyncClient) -> None:
    """Without one, the caller is told so."""
    response = await live_client.post("/v1/search", json={"query": "laptop", "mode": "vector"})

    assert (422, "no_vectors") == (response.status_code, response.json()["code"])


@pytest.mark.parametrize("mode", [SearchMode.HYBRID, SearchMode.LEXICAL])
async def test_a_filter_narrows_a_search(mode: SearchMode, live_client: httpx2.AsyncClient) -> None:
    """On the real index: only documents under the prefix are found."""
    response = await live_client.post(
        "/v1/search",
        json={"query": "laptop", "mode": mode.value, "filters": {"prefix": "guides/"}},
    )

    hits = response.json()["hits"]
    assert hits
    assert all(hit["document"].startswith("guides/") for hit in hits)


async def test_no_text_is_a_query_language(live_client: httpx2.AsyncClient) -> None:
    """On the real index: any text is searched for, and never a syntax error."""
    for query in (
        '"',
        "AND",
        "a OR",
        "NEAR(",
        "title:*",
        "-",
        "(",
        "^",
        "*",
        "a' --",
        "\x00",
        "🦘",
    ):
        response = await live_client.post("/v1/search", json={"query": query})
        assert 200 == response.status_code, query


async def test_every_option_reaches_the_retriever(fakes: Fakes) -> None:
    """The caller's options are used; surrounding space of the query is removed."""
    body = {
        "query": " upload ",
        "k": 3,
        "mode": "lexical",
        "filters": {"prefix": "a/", "metadata": {"type": "pdf"}},
    }
    async with open_client(fakes.app()) as client:
        await client.post("/v1/search", json=body)

    filters = Filters(prefix="a/", metadata={"type": "pdf"})
    assert ("upload", 3, filters, SearchMode.LEXICAL) == fakes.retriever.searches[-1]


async def test_a_body_that_is_not_valid_is_refused(fakes: Fakes) -> None:
    """The retriever is not called."""
    async with open_client(fakes.app()) as client:
        before = len(fakes.retriever.searches)
        for body in (
            {"query": " "},
            {"query": "x" * 100_001},
            {"query": "a", "k": 0},
            {"query": "a", "k": 101},
            {"query": "a", "mode": "fuzzy"},
            {"query": "a", "filter": {}},
            {},
        ):
            response = await client.post("/v1/search", json=body)
            assert (422, "invalid_request") == (response.status_code, response.json()["code"])

    assert before == len(fakes.retriever.searches)


async def test_an_index_that_fails_is_told_without_its_cause(fakes: Fakes) -> None:
    """The response is a 503, and only the log has the cause."""

    async def fail() -> None:
        raise RetrievalError("a secret path")

    async with open_client(fakes.app()) as client:
        fakes.retriever.work = fail
        response = await client.post("/v1/search", json={"query": "a"})

    assert (503, "index_unavailable") == (response.status_code, response.json()["code"])
    assert "a secret" not in response.text
