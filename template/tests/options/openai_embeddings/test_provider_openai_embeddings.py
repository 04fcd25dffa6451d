"""OpenAI's embeddings, over HTTP and with the vendor's SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydantic import SecretStr, ValidationError

from app.options.openai.session import Session
from app.options.openai_embeddings.embeddings import OpenAIEmbedder
from app.wiring import open_services
from fixtures.command_line import DOCUMENTS
from fixtures.provider import Step
from fixtures.provider.conformance import SECRET, EmbedderConformance
from gwkit.errors import InvalidResponseError, ProviderError
from gwkit.index.store import SearchMode

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.configuration import MakeSettings
    from fixtures.provider import FaultyProvider
    from fixtures.provider.conformance import OpenEmbedder


class TestOpenAIEmbeddings(EmbedderConformance):
    """The requirements on every embedder."""

    def make(self, provider: FaultyProvider, timeout_seconds: float = 60.0) -> OpenEmbedder:
        """Return an embedder at the faulty provider."""
        session = Session(
            "openai:text-embedding-3-small",
            key=SecretStr(SECRET),
            base_url=provider.openai_url,
            timeout_seconds=timeout_seconds,
        )
        return OpenAIEmbedder("text-embedding-3-small", session, dimension=256)


async def test_a_service_searches_with_it(
    provider: FaultyProvider, make_settings: MakeSettings, tmp_path: Path
) -> None:
    """The setting selects it; it embeds ingested documents, in batches, and questions."""
    settings = make_settings(
        embedding_model="openai:text-embedding-3-small",
        embedding_batch_texts=2,
        embedding_dimension=300,
        openai_api_key=SECRET,
        openai_base_url=provider.openai_url,
        paid_path=tmp_path / "paid.sqlite",
    )
    question = "How long is parental leave?"
    async with open_services(settings) as services:
        summary = await services.pipeline.ingest([DOCUMENTS])
        hits = await services.retriever.search(question, k=1, mode=SearchMode.VECTOR)
    assert 0 == summary.failed
    assert "policies/leave.md" == hits[0].document
    *batches, query = [each.body["input"] for each in provider.requests]
    assert [question] == query
    assert {1, 2} == {len(batch) for batch in batches if isinstance(batch, list)}
    assert all(300 == each.body["dimensions"] for each in provider.requests)


@pytest.mark.parametrize(
    "fields", [{}, {"embedding_model": "offline:none"}, {"embedding_dimension": 8}]
)
async def test_the_length_of_vectors_is_known_or_told(
    make_settings: MakeSettings, fields: dict[str, object]
) -> None:
    """An unknown model needs the setting, and the error says so."""
    chosen = {"embedding_model": "openai:bge-m3", "openai_base_url": "http://127.0.0.1:1/v1"}
    if fields:
        make_settings(**(chosen | fields))
    else:
        with pytest.raises(ValidationError, match="APP_EMBEDDING_DIMENSION"):
            make_settings(**chosen)


async def test_other_servers_may_send_numbers(provider: FaultyProvider) -> None:
    """A list is accepted in place of base64, and no length is requested from other servers."""
    session = Session("openai:bge-m3", key=None, base_url=provider.openai_url, timeout_seconds=5)
    provider.follow("plain")
    async with OpenAIEmbedder("bge-m3", session, dimension=1536) as embedder:
        plain = await embedder.embed_query("one")
        packed = await embedder.embed_query("one")
    assert np.array_equal(plain, packed)
    assert "dimensions" not in provider.requests[0].body


async def test_what_is_no_base64_is_refused(provider: FaultyProvider) -> None:
    """The reply is an error."""
    provider.follow("garbled")
    async with TestOpenAIEmbeddings().make(provider) as embedder:
        with pytest.raises(InvalidResponseError):
            await embedder.embed_query("one")


async def test_a_server_that_refuses_base64_sends_numbers(provider: FaultyProvider) -> None:
    """It is asked for base64 once, and gives the same vectors."""
    async with TestOpenAIEmbeddings().make(provider) as embedder:
        expected = await embedder.embed_query("one")
        provider.follow(Step(400, raw='{"error": {"message": "encoding_format must be float"}}'))
        vectors = [await embedder.embed_query("one") for _ in range(2)]
    assert all(np.allclose(expected, vector) for vector in vectors)
    formats = [each.body["encoding_format"] for each in provider.requests]
    assert ["base64", "base64", "float", "float"] == formats


async def test_an_error_within_a_reply_is_one(provider: FaultyProvider) -> None:
    """The status was 200; the operator gets the server's message."""
    provider.follow(Step(raw='{"error": {"message": "the words", "code": 503}}'))
    async with TestOpenAIEmbeddings().make(provider) as embedder:
        with pytest.raises(ProviderError, match="503: the words"):
            await embedder.embed_query("one")


@pytest.mark.parametrize("usage", ["null", "{}", "[]", '{"prompt_tokens": null}'])
async def test_usage_that_is_not_told_does_no_harm(provider: FaultyProvider, usage: str) -> None:
    """The vectors are usable without it."""
    vector = f'{{"index": 0, "embedding": {[0.5] * 256}}}'
    provider.follow(Step(raw=f'{{"data": [{vector}], "usage": {usage}}}'))
    async with TestOpenAIEmbeddings().make(provider) as embedder:
        assert 256 == len(await embedder.embed_query("one"))
