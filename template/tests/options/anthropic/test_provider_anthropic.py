"""Anthropic's chat models, over HTTP and with the vendor's SDK."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest
from pydantic import SecretStr

from app.graph.state import Question
from app.options.anthropic.chat import AnthropicChatModel
from app.wiring import open_services
from fixtures.provider import Step
from fixtures.provider.conformance import REQUEST, SECRET, ChatModelConformance, reply_of
from gwkit.errors import ProviderError
from gwkit.models.messages import Delta

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fixtures.configuration import MakeSettings
    from fixtures.provider import FaultyProvider
    from fixtures.provider.conformance import OpenChatModel


class TestAnthropic(ChatModelConformance):
    """The requirements on every chat model."""

    def make(self, provider: FaultyProvider, timeout_seconds: float = 60.0) -> OpenChatModel:
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
    """The setting selects it; it answers with citations, and is closed with the service."""
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


def _stream(*events: Mapping[str, object]) -> str:
    return "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in events)


def _piece(**delta: str) -> dict[str, object]:
    return {"type": "content_block_delta", "index": 0, "delta": delta}


TEXT: Final = "72 hours [1]."
THOUGHT: Final = {"type": "thinking", "thinking": "999?", "signature": "x"}
START: Final = {"type": "message_start", "message": {"content": [], "usage": {}}}
END: Final = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": None}
WRITTEN: Final = _piece(type="text_delta", text=TEXT)
ANSWERS: Final = (
    {
        "content": [
            THOUGHT,
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": TEXT},
        ]
    },
    {"content": f"<think>999?</think>\n{TEXT}", "usage": {"input_tokens": 7}},
    (START, _piece(type="thinking_delta", thinking="999?"), WRITTEN, END),
    (START, {"type": "content_block_start", "content_block": THOUGHT}, WRITTEN, END),
    ({"type": "content_block_start", "content_block": {"type": "text", "text": TEXT}}, END),
    (_piece(type="text_delta", text="<think>999?</thi"), _piece(text="nk>"), WRITTEN, END),
)


@pytest.mark.parametrize("answer", ANSWERS)
async def test_thoughts_are_no_part_of_an_answer(
    provider: FaultyProvider, answer: Mapping[str, object] | tuple[Mapping[str, object], ...]
) -> None:
    """Thoughts are blocks or within the text, whole or streamed; usage may be missing."""
    is_stream = isinstance(answer, tuple)
    provider.follow(Step(raw=_stream(*answer) if is_stream else json.dumps(answer)))
    async with TestAnthropic().make(provider) as model:
        reply = await reply_of(model, REQUEST, stream=is_stream)
    assert TEXT == reply.text
    assert reply.usage.prompt_tokens > 0
    assert 1 == len(provider.requests)


async def test_a_sign_of_life_is_a_piece_without_text(provider: FaultyProvider) -> None:
    """Pings and thoughts count as activity."""
    thought = _piece(type="thinking_delta", thinking="hm")
    provider.follow(Step(raw=_stream({"type": "ping"}, thought, WRITTEN, END)))
    async with TestAnthropic().make(provider) as model:
        *pieces, _ = [piece async for piece in model.stream(REQUEST)]
    assert ["", "", TEXT, ""] == [each.text for each in pieces if isinstance(each, Delta)]


@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded"])
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_model_that_only_thought_has_failed(
    provider: FaultyProvider, reason: str, *, streamed: bool
) -> None:
    """Its tokens are used up, and another attempt would use as many."""
    end = {"type": "message_delta", "delta": {"stop_reason": reason}}
    whole = {"content": [THOUGHT], "stop_reason": reason}
    provider.follow(Step(raw=_stream(START, end) if streamed else json.dumps(whole)))
    async with TestAnthropic().make(provider) as model:
        with pytest.raises(ProviderError, match="APP_MAX_TOKENS") as caught:
            await reply_of(model, REQUEST, stream=streamed)
    assert not caught.value.passing


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_error_within_a_reply_is_one(provider: FaultyProvider, *, streamed: bool) -> None:
    """The status was 200; the operator gets the server's message."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "the words"}}
    provider.follow(Step(raw=_stream(error) if streamed else json.dumps(error)))
    async with TestAnthropic().make(provider) as model:
        with pytest.raises(ProviderError, match="529: the words") as caught:
            await reply_of(model, REQUEST, stream=streamed)
    assert caught.value.passing


async def test_a_wrong_address_has_a_hint(provider: FaultyProvider) -> None:
    """The SDK adds `/v1` itself."""
    provider.follow(Step(404))
    url = f"{provider.anthropic_url}/v1"
    async with AnthropicChatModel("x", key=None, base_url=url, timeout_seconds=5) as model:
        with pytest.raises(ProviderError, match="check that ANTHROPIC_BASE_URL ends without /v1"):
            await model.complete(REQUEST)
