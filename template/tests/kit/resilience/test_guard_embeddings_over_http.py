"""Embeddings with the vendor's own SDK, at a faulty provider over real HTTP."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
from structlog.testing import capture_logs

from app.options.providers.guards import ResilientGuards
from fixtures.configuration import REGISTRY
from gwkit.errors import BudgetExceededError, InvalidResponseError, LLMError, ProviderError
from gwkit.offline.no_embedder import NoEmbedder
from gwkit.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from fixtures.configuration import MakeSettings
    from fixtures.provider import FaultyProvider
    from gwkit.models.protocols import Embedder

MODEL = "openai:text-embedding-3-small"
TEXTS = [f"text number {number}" for number in range(5)]


@asynccontextmanager
async def opened(
    make_settings: MakeSettings, provider: FaultyProvider, metrics: Metrics, **fields: object
) -> AsyncIterator[Embedder]:
    """Open an embedder like the wiring."""
    settings = make_settings(
        embedding_model=MODEL,
        embedding_dimension=8,
        embedding_batch_texts=2,
        openai_api_key="k",
        openai_base_url=provider.openai_url,
        paid_path=fields.pop("paid_path"),
        llm_attempts=2,
        **fields,
    )
    open_embedder = REGISTRY.embedders.find(MODEL, "")
    async with (
        ResilientGuards.open(settings, metrics) as guards,
        open_embedder(MODEL, settings) as embedder,
    ):
        yield guards.embedder(embedder)


async def test_no_text_is_paid_for_twice(
    provider: FaultyProvider, make_settings: MakeSettings, tmp_path: Path
) -> None:
    """A failure in the third batch loses none of the first two, also for the next process."""
    path = tmp_path / "paid.sqlite"
    provider.follow("ok", "ok", "400")
    async with opened(make_settings, provider, Metrics(), paid_path=path) as embedder:
        with pytest.raises(ProviderError):
            await embedder.embed_documents(TEXTS)
    assert 3 == len(provider.requests)
    metrics = Metrics()
    async with opened(make_settings, provider, metrics, paid_path=path) as embedder:
        first = await embedder.embed_documents(TEXTS)
        assert 4 == len(provider.requests)
        assert TEXTS[4:] == provider.requests[-1].body["input"]
        assert np.array_equal(first, await embedder.embed_documents(TEXTS))
        assert (5, 8) == first.shape
    assert 4 == len(provider.requests)
    text = metrics.exposition().decode()
    assert f'embeddings_total{{model="{MODEL}",source="model"}} 1.0' in text
    assert f'embeddings_total{{model="{MODEL}",source="cache"}} 9.0' in text


@pytest.mark.parametrize("step", ["count", "short", "malformed"])
async def test_wrong_vectors_are_asked_for_again_once(
    provider: FaultyProvider, make_settings: MakeSettings, tmp_path: Path, step: str
) -> None:
    """A second failure is an error, and nothing is cached."""
    provider.follow(step, "ok", step, step)
    path = tmp_path / "paid.sqlite"
    async with opened(make_settings, provider, Metrics(), paid_path=path) as embedder:
        await embedder.embed_documents(TEXTS[:2])
        assert 2 == len(provider.requests)
        with pytest.raises(InvalidResponseError):
            await embedder.embed_documents(TEXTS[2:4])
        assert 4 == len(provider.requests)
        await embedder.embed_documents(TEXTS[2:4])
    assert 5 == len(provider.requests)


async def test_the_order_cannot_slip(
    provider: FaultyProvider, make_settings: MakeSettings, tmp_path: Path
) -> None:
    """Each text has its own row, whatever the order of the rows."""
    provider.always("shuffled")
    path = tmp_path / "paid.sqlite"
    async with opened(make_settings, provider, Metrics(), paid_path=path) as embedder:
        vectors = await embedder.embed_documents(TEXTS)
        for text, vector in zip(TEXTS, vectors, strict=True):
            assert np.allclose(vector, await embedder.embed_query(text))


async def test_a_call_is_told_of(
    provider: FaultyProvider, make_settings: MakeSettings, tmp_path: Path
) -> None:
    """One event for each successful request, with its price."""
    provider.follow("500", "ok")
    path = tmp_path / "paid.sqlite"
    with capture_logs() as logs:
        async with opened(make_settings, provider, Metrics(), paid_path=path) as embedder:
            await embedder.embed_documents(TEXTS[:2])
    (event,) = (event for event in logs if event["event"] == "llm_call")
    assert ("embeddings", MODEL, 2, 2) == (
        event["operation"],
        event["model"],
        event["attempts"],
        event["texts"],
    )
    assert event["cost_usd"] > 0


@pytest.mark.parametrize(("step", "tokens"), [("ok", 8), ("no_usage", 8), ("count", 16)])
async def test_tokens_are_those_of_the_provider(
    step: str,
    tokens: int,
    *,
    provider: FaultyProvider,
    make_settings: MakeSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Missing counts are estimated; unusable replies are paid for, too."""
    if step != "no_usage":
        monkeypatch.setattr("gwkit.resilience.observed_embedder.count_tokens", lambda _: 999)
    provider.follow(step, "ok")
    with capture_logs() as logs:
        path = tmp_path / "paid.sqlite"
        async with opened(make_settings, provider, Metrics(), paid_path=path) as embedder:
            await embedder.embed_documents(TEXTS[:2])
    (event,) = (event for event in logs if event["event"] == "llm_call")
    assert tokens == event["total_tokens"]


async def test_the_budget_holds_for_embeddings(
    provider: FaultyProvider, make_settings: MakeSettings, tmp_path: Path
) -> None:
    """The budget that is left is used, and the vectors kept; the rest waits for the next day."""
    path = tmp_path / "paid.sqlite"
    options = {"paid_path": path, "daily_tokens": 15}
    async with opened(make_settings, provider, Metrics(), **options) as embedder:
        with pytest.raises(BudgetExceededError):
            await embedder.embed_documents(TEXTS)
    assert 2 == len(provider.requests)


async def test_offline_embedders_stay_as_they_are(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    """Free embeddings are not cached."""
    settings = make_settings(paid_path=tmp_path / "paid.sqlite")
    embedder = NoEmbedder()
    async with ResilientGuards.open(settings, Metrics()) as guards:
        assert embedder is guards.embedder(embedder)


async def test_a_file_that_cannot_be_opened_stops_the_start(
    provider: FaultyProvider, make_settings: MakeSettings, tmp_path: Path
) -> None:
    """Otherwise paid embeddings would be lost."""
    with pytest.raises(LLMError, match="APP_PAID_PATH"):
        async with opened(make_settings, provider, Metrics(), paid_path=tmp_path):
            pytest.fail("it was opened")
