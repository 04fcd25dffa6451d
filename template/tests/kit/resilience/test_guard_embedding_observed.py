"""Every call of a paid embedder is logged, without its texts."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from fixtures.embedder import FakeEmbedder
from gwkit.errors import ProviderError
from gwkit.models.messages import Usage
from gwkit.resilience.observed_embedder import ObservedEmbedder
from gwkit.telemetry.metrics import Metrics
from gwkit.text.characters import count_tokens

TEXTS = ["a text about secrets", "another one"]


async def test_a_call_logs_one_event() -> None:
    """It has the number of texts, their estimated tokens, and the cost."""
    metrics = Metrics()
    model = ObservedEmbedder(FakeEmbedder(), metrics=metrics, charge=lambda _: 0.25)
    assert ("fake:words", 16, 1.0) == (model.name, model.dimension, model.rank_weight)
    with capture_logs() as logs:
        vectors = await model.embed_documents(TEXTS)
        await model.embed_query("why")
    assert (2, 16) == vectors.shape
    documents, query = logs
    assert ("llm_call", "embeddings", 2, 1) == (
        documents["event"],
        documents["operation"],
        documents["texts"],
        query["texts"],
    )
    assert sum(map(count_tokens, TEXTS)) == documents["prompt_tokens"]
    assert (0, 0.25, True) == (
        documents["completion_tokens"],
        documents["cost_usd"],
        documents["success"],
    )
    assert "secrets" not in str(logs)
    assert 'llm_calls_total{model="fake:words",outcome="succeeded"} 2.0' in (
        metrics.exposition().decode()
    )


async def test_a_failure_is_told_and_costs_nothing() -> None:
    """The level is ERROR, and the error is passed on."""
    charged: list[Usage] = []

    def charge(usage: Usage) -> float | None:
        charged.append(usage)
        return None

    fake = FakeEmbedder(error=ProviderError("away", status=500, passing=True))
    model = ObservedEmbedder(fake, metrics=Metrics(), charge=charge)
    with capture_logs() as logs, pytest.raises(ProviderError):
        await model.embed_documents(TEXTS)
    (event,) = logs
    assert ("error", "ProviderError", 0) == (
        event["log_level"],
        event["error"],
        event["total_tokens"],
    )
    assert [Usage(prompt_tokens=0, completion_tokens=0)] == charged
