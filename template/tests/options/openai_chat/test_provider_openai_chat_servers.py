"""Servers with variants of OpenAI's protocol, as reported by users of other systems."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest
from pydantic import SecretStr

from app.options.openai.session import Session
from app.options.openai_chat.completions import OpenAIChatModel
from fixtures.provider import Step
from fixtures.provider.conformance import REQUEST, SECRET, reply_of
from gwkit.errors import (
    InvalidResponseError,
    LLMError,
    ProviderError,
    RateLimitError,
    RefusalError,
    TokenLimitError,
)
from gwkit.models.messages import ChatReply, Delta

if TYPE_CHECKING:
    from fixtures.provider import FaultyProvider

TEXT = "72 hours [1]."
USAGE = {"prompt_tokens": 7, "completion_tokens": 3}
STOP = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
FILTER: Final[dict[str, object]] = {
    "choices": [{"index": 0, "finish_reason": None, "content_filter_results": {}}]
}
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "999 hours?"}]}


def make(provider: FaultyProvider, path: str = "/v1") -> OpenAIChatModel:
    """Return an open model at the faulty provider."""
    url = provider.openai_url.removesuffix("/v1") + path
    session = Session("openai:x", key=SecretStr(SECRET), base_url=url, timeout_seconds=5)
    return OpenAIChatModel("x", session)


def body(content: object, finish: str = "stop", **more: object) -> str:
    """Return a whole reply."""
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": finish}
    return json.dumps({"choices": [choice], "usage": USAGE} | more)


def stream(*events: object, end: str = "data: [DONE]\n\n") -> str:
    """Return a stream; a text among the events is a piece of the content."""
    chunks = [
        {"choices": [{"delta": {"content": each}}]} if isinstance(each, str) else each
        for each in events
    ]
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end


@pytest.mark.parametrize(
    "raw",
    [
        body([{"type": "text", "text": "72 hours"}, THOUGHT, {"type": "text", "text": " [1]."}]),
        body(["72 hours", {"text": " [1]."}]),
        body(f"<think>999 hours?</think>\n\n{TEXT}"),
        body(f"999 hours?\n</think>\n\n{TEXT}"),
        body(TEXT, usage=None),
        body(TEXT, usage=[]),
        body(TEXT, error=None),
        stream("72 hours", FILTER, {}, {"choices": None}, {"choices": []}, " [1].", STOP, FILTER),
        stream({"choices": [{"delta": {"role": "assistant", "content": None}}]}, TEXT, STOP),
        stream({"choices": [{"delta": None}]}, TEXT, STOP, STOP | {"usage": {}}),
        stream("<thi", "nk>999 hours?</th", "ink>\n", "\n72 ", "hours [1].", STOP),
        stream({"choices": [{"delta": {"content": [THOUGHT]}}]}, TEXT, STOP),
        stream({"choices": [{"delta": {"reasoning_content": "999?"}}]}, TEXT, STOP),
        stream(TEXT),
        stream(TEXT, STOP, end=""),
        stream(TEXT, end="data: [DONE]"),
        stream(TEXT).replace("\n", "\r\n"),
        stream(TEXT).replace("data: ", "data:"),
        ": waiting\n\nevent: message\n" + stream(TEXT, STOP),
    ],
)
async def test_an_answer_is_read_in_every_form(provider: FaultyProvider, raw: str) -> None:
    """Thoughts are left out, other fields may be missing or null; one request is enough."""
    provider.follow(Step(raw=raw))
    async with make(provider) as model:
        if raw.startswith("{"):
            pieces: list[Delta | ChatReply] = [await model.complete(REQUEST)]
        else:
            pieces = [piece async for piece in model.stream(REQUEST)]
            assert TEXT == "".join(each.text for each in pieces if isinstance(each, Delta))
    reply = pieces[-1]
    assert isinstance(reply, ChatReply)
    assert (TEXT, "stop") == (reply.text, reply.finish_reason)
    assert reply.usage.completion_tokens > 0
    assert 1 == len(provider.requests)


@pytest.mark.parametrize("prompt", [7, "7", None, -1, {}, 7.5])
@pytest.mark.parametrize("streamed", [False, True])
async def test_tokens_that_are_not_told_are_estimated(
    provider: FaultyProvider, prompt: object, *, streamed: bool
) -> None:
    """Each number is estimated on its own, so a reported one is used."""
    usage = {"prompt_tokens": prompt, "total_tokens": 10}
    whole = body(TEXT, usage=usage | {"completion_tokens": 3})
    pieces = stream(TEXT, STOP | {"usage": usage}, {"usage": {"completion_tokens": 3}})
    provider.follow(Step(raw=pieces if streamed else whole))
    async with make(provider) as model:
        reply = await reply_of(model, REQUEST, stream=streamed)
    assert 3 == reply.usage.completion_tokens
    assert (reply.usage.prompt_tokens == 7) == (prompt in {7, "7"} if prompt != {} else False)
    assert reply.usage.prompt_tokens > 0


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        ("the words", ProviderError, None),
        ({"message": "the words", "code": 502}, ProviderError, 502),
        ({"message": "the words", "type": "invalid_request_error"}, ProviderError, 400),
        ({"detail": [{"msg": "the words"}]}, ProviderError, None),
        ({"message": "slow down", "code": "429"}, RateLimitError, 429),
        ({"message": "maximum context length is 9 tokens"}, TokenLimitError, None),
    ],
)
@pytest.mark.parametrize(("streamed", "as_event"), [(False, False), (True, True), (True, False)])
async def test_an_error_within_a_reply_is_one(
    provider: FaultyProvider,
    error: object,
    kind: type[LLMError],
    status: int | None,
    *,
    streamed: bool,
    as_event: bool,
) -> None:
    """The status was 200; the operator gets the server's message."""
    provider.follow(
        Step(raw=stream({"error": error}) if as_event else json.dumps({"error": error}))
    )
    async with make(provider) as model:
        with pytest.raises(LLMError) as caught:
            await reply_of(model, REQUEST, stream=streamed)
    assert kind is type(caught.value)
    assert status == getattr(caught.value, "status", None)
    assert kind is not ProviderError or "the words" in str(caught.value)


@pytest.mark.parametrize(
    "sent",
    [{"error": "the words"}, {"message": "the words"}, {"error": {"message": "the words"}}],
)
async def test_a_failed_call_has_the_server_s_words(
    provider: FaultyProvider, sent: dict[str, object]
) -> None:
    """The message may be in any place."""
    provider.follow(Step(400, raw=json.dumps(sent)))
    async with make(provider) as model:
        with pytest.raises(ProviderError, match=r"openai:x answered 400: .*the words") as caught:
            await model.complete(REQUEST)
    assert 400 == caught.value.status


@pytest.mark.parametrize(
    ("text", "finish", "error"),
    [
        (None, "length", ProviderError),
        ("<think>So many hours", "length", ProviderError),
        (None, "stop", InvalidResponseError),
        (" \n", "stop", InvalidResponseError),
        ("<think>So many</think>", "stop", InvalidResponseError),
        (None, "tool_calls", InvalidResponseError),
        (None, "content_filter", RefusalError),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_reply_without_a_text_has_failed(
    provider: FaultyProvider,
    text: str | None,
    finish: str,
    error: type[LLMError],
    *,
    streamed: bool,
) -> None:
    """A reply with thoughts only is not retried; its tokens are counted."""
    end = {"choices": [{"delta": {"content": text}, "finish_reason": finish}]}
    provider.follow(Step(raw=stream(end) if streamed else body(text, finish)))
    async with make(provider) as model:
        with pytest.raises(error) as caught:
            await reply_of(model, REQUEST, stream=streamed)
    assert not getattr(caught.value, "passing", False)
    assert error is not ProviderError or "APP_MAX_TOKENS" in str(caught.value)


async def test_a_sign_of_life_is_a_piece_without_text(provider: FaultyProvider) -> None:
    """Thoughts and comments count as activity."""
    thought = {"choices": [{"delta": {"content": None, "reasoning_content": "hm"}}]}
    provider.follow(Step(raw=": processing\n\n" + stream(thought, TEXT, STOP)))
    async with make(provider) as model:
        *pieces, _ = [piece async for piece in model.stream(REQUEST)]
    assert ["", "", TEXT, ""] == [each.text for each in pieces if isinstance(each, Delta)]


async def test_a_model_that_begins_with_thoughts_is_held_back(provider: FaultyProvider) -> None:
    """From the second stream on: the first one shows a thought, but its reply is correct."""
    provider.always(Step(raw=stream("999?\n", "</think>", TEXT, STOP)))
    shown = []
    async with make(provider) as model:
        for _ in range(2):
            *pieces, reply = [piece async for piece in model.stream(REQUEST)]
            shown.append("".join(each.text for each in pieces if isinstance(each, Delta)))
            assert isinstance(reply, ChatReply)
            assert TEXT == reply.text
    assert [f"999?\n{TEXT}", TEXT] == shown


@pytest.mark.parametrize("parameter", ["max_tokens", "stream_options"])
async def test_a_parameter_that_is_refused_is_not_sent_again(
    provider: FaultyProvider, parameter: str
) -> None:
    """This call and later ones go without it; the token limit is always sent."""
    provider.always(Step(refuses=parameter))
    async with make(provider) as model:
        for _ in range(2):
            await reply_of(model, REQUEST, stream=True)
    assert [True, False, False] == [parameter in each.body for each in provider.requests]
    assert all(99 in each.body.values() for each in provider.requests)


@pytest.mark.parametrize(
    ("message", "attempts"),
    [
        ("max_tokens is too large: 99. This model supports at most 50 completion tokens", 1),
        ("Use 'max_completion_tokens' instead of 'max_tokens'", 2),
    ],
)
async def test_what_does_not_help_is_not_remembered(
    provider: FaultyProvider, message: str, attempts: int
) -> None:
    """A limit that is too high is not sent under a name that the server ignores."""
    provider.follow(*[Step(400, raw=json.dumps({"error": {"message": message}}))] * attempts)
    async with make(provider) as model:
        with pytest.raises(ProviderError):
            await model.complete(REQUEST)
        await model.complete(REQUEST)
    assert attempts + 1 == len(provider.requests)
    assert 99 == provider.requests[-1].body["max_tokens"]


@pytest.mark.parametrize(("path", "is_wrong"), [("", True), ("/v1/v1", True), ("/v1/", False)])
async def test_a_wrong_address_has_a_hint(
    provider: FaultyProvider, path: str, *, is_wrong: bool
) -> None:
    """The variable has to end with one `/v1`; an unknown model has no such hint."""
    provider.follow(Step(404))
    async with make(provider, path) as model:
        with pytest.raises(ProviderError) as caught:
            await model.complete(REQUEST)
    assert is_wrong == ("check that OPENAI_BASE_URL ends with one /v1" in str(caught.value))


@pytest.mark.parametrize(
    "url", [None, "https://api.openai.com/v1/", "https://eu.api.openai.com/v1"]
)
async def test_the_vendor_gets_the_newer_name_at_once(url: str | None) -> None:
    """Its newer models reject the older name; the address may be written in any way."""
    async with Session("openai:x", key=None, base_url=url, timeout_seconds=5) as session:
        assert {"max_tokens"} == session.refused
