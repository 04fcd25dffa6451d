"""OpenAI's chat models, over HTTP and with the vendor's SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from app.graph.state import Question
from app.options.openai.session import Session
from app.options.openai_chat.completions import OpenAIChatModel
from app.wiring import open_services
from fixtures.provider.conformance import REQUEST, SECRET, ChatModelConformance, reply_of
from gwkit.errors import ProviderError, RefusalError

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.command_line import CommandLine
    from fixtures.configuration import MakeSettings
    from fixtures.provider import FaultyProvider
    from fixtures.provider.conformance import OpenChatModel


class TestOpenAIChat(ChatModelConformance):
    """The requirements on every chat model."""

    def make(self, provider: FaultyProvider, timeout_seconds: float = 60.0) -> OpenChatModel:
        """Return a model at the faulty provider."""
        session = Session(
            "openai:gpt-x",
            key=SecretStr(SECRET),
            base_url=provider.openai_url,
            timeout_seconds=timeout_seconds,
        )
        return OpenAIChatModel("gpt-x", session)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_was_filtered_is_a_refusal(
    provider: FaultyProvider, *, stream: bool
) -> None:
    """The provider withholds the model's text."""
    provider.follow("filtered")
    async with TestOpenAIChat().make(provider) as model:
        with pytest.raises(RefusalError, match="filter"):
            await reply_of(model, REQUEST, stream=stream)


async def test_an_empty_account_does_not_pass(provider: FaultyProvider) -> None:
    """The status is that of too many calls, but waiting does not help."""
    provider.follow("429 quota")
    async with TestOpenAIChat().make(provider) as model:
        with pytest.raises(ProviderError, match="no credit") as caught:
            await model.complete(REQUEST)
    assert (429, False) == (caught.value.status, caught.value.passing)


def test_the_limit_of_tokens_has_the_vendor_s_newer_name_there() -> None:
    """Newer models reject the older name, which other servers need."""
    for url, name in ((None, "max_completion_tokens"), ("http://127.0.0.1:1", "max_tokens")):
        session = Session("openai:x", key=None, base_url=url, timeout_seconds=5)
        assert 99 == dict(OpenAIChatModel("x", session)._parameters(REQUEST))[name]


def test_a_command_says_that_an_answer_was_cut_off(
    provider: FaultyProvider,
    monkeypatch: pytest.MonkeyPatch,
    ingested: CommandLine,
) -> None:
    """Text output has a note, JSON a field."""
    monkeypatch.setenv("APP_DEFAULT_MODEL", "openai:some-model")
    monkeypatch.setenv("OPENAI_BASE_URL", provider.openai_url)
    provider.always("truncated")
    question = "How long is parental leave?"
    assert "The answer was cut off" in ingested("ask", question).err
    document = ingested("ask", question, "--json").document
    assert ("length", True) == (document["finish_reason"], document["found"])


async def test_a_service_answers_with_it(
    provider: FaultyProvider, make_settings: MakeSettings, sample_index: Path
) -> None:
    """The setting selects it; it answers with citations, and is closed with the service."""
    settings = make_settings(
        index_path=sample_index,
        default_model="openai:some-model",
        openai_api_key=SECRET,
        openai_base_url=provider.openai_url,
    )
    async with open_services(settings) as services:
        answer = await services.answerer.answer(Question(question="How long is parental leave?"))
    assert answer.found
    assert "openai:some-model" == answer.model
    assert answer.citations
    (received,) = provider.requests
    assert "some-model" == received.body["model"]
    assert any(SECRET in value for value in received.headers.values())
