"""Anthropic's chat models, over HTTP and with the vendor's SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from app.graph.state import Question
from app.options.anthropic.chat import AnthropicChatModel
from app.wiring import open_services
from fixtures.provider.conformance import SECRET, ChatModelConformance

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.configuration import MakeSettings
    from fixtures.provider import FaultyProvider
    from fixtures.provider.conformance import OpenChatModel


class TestAnthropic(ChatModelConformance):
    """What every chat model does."""

    def make(self, provider: FaultyProvider, timeout_seconds: float = 5.0) -> OpenChatModel:
        """Return a model at the faulty provider."""
        return AnthropicChatModel(
            "claude-x",
            key=SecretStr(SECRET),
            base_url=provider.anthropic_url,
            timeout_seconds=timeout_seconds,
        )


async def test_a_service_answers_with_it(
    provider: FaultyProvider, make_settings: MakeSettings, sample_index: Path
) -> None:
    """Chosen by its name it answers a question with citations, and is closed with the service."""
    settings = make_settings(
        index_path=sample_index,
        default_model="anthropic:some-model",
        anthropic_api_key=SECRET,
        anthropic_base_url=provider.anthropic_url,
    )
    async with open_services(settings) as services:
        answer = await services.answerer.answer(Question(question="How long is parental leave?"))
    assert answer.found
    assert "anthropic:some-model" == answer.model
    assert answer.citations
    (received,) = provider.requests
    assert "some-model" == received.body["model"]
    assert any(SECRET in value for value in received.headers.values())
