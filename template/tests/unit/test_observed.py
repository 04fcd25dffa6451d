"""Every call of a model is logged once and counted, and its content is in neither."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from app.exceptions import InvalidResponseError, RateLimitError
from app.llm.messages import ChatReply, ChatRequest, Delta, Message
from app.llm.observed import ObservedChatModel
from app.llm.tokens import count_tokens
from app.telemetry.metrics import Metrics
from fixtures.models import FakeChatModel

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

SECRET = "the patient is called"
REQUEST = ChatRequest(
    messages=(Message(role="user", content=SECRET),), question=SECRET, prompt_hash="abc"
)
REPLY = "the answer is secret too [1]"


def only_event(logs: list[MutableMapping[str, Any]]) -> MutableMapping[str, Any]:
    """Return the one event, after a look at what every such event must have."""
    (event,) = logs
    assert event["event"] == "llm_call"
    assert event["model"] == "fake:scripted"
    assert event["latency_ms"] >= 0
    assert event["prompt_hash"] == "abc"
    assert event["total_tokens"] == event["prompt_tokens"] + event["completion_tokens"]
    assert "secret" not in str(event)
    assert SECRET not in str(event)
    return event


@pytest.fixture
def metrics() -> Metrics:
    """Return metrics of the test's own."""
    return Metrics()


async def read(model: ObservedChatModel) -> list[Delta | ChatReply]:
    """Return all pieces of a stream."""
    return [piece async for piece in model.stream(REQUEST)]


async def test_a_call_logs_one_event(metrics: Metrics) -> None:
    """A reply passes through, with its usage logged at INFO."""
    model = ObservedChatModel(FakeChatModel(REPLY), metrics=metrics)
    with capture_logs() as logs:
        reply = await model.complete(REQUEST)
    assert (model.name, reply.text) == ("fake:scripted", REPLY)
    event = only_event(logs)
    assert (event["log_level"], event["success"], event["error"]) == ("info", True, None)
    assert event["prompt_tokens"] == reply.usage.prompt_tokens
    assert event["completion_tokens"] == reply.usage.completion_tokens


async def test_a_stream_logs_one_event(metrics: Metrics) -> None:
    """All pieces pass through, and the event comes once the reply is whole."""
    model = ObservedChatModel(FakeChatModel(REPLY), metrics=metrics)
    with capture_logs() as logs:
        pieces = await read(model)
    assert "".join(piece.text for piece in pieces if isinstance(piece, Delta)) == REPLY
    event = only_event(logs)
    assert (event["log_level"], event["success"]) == ("info", True)
    assert event["completion_tokens"] == count_tokens(REPLY)


async def test_calls_are_counted(metrics: Metrics) -> None:
    """Calls by outcome, their time, and their tokens by kind."""
    model = ObservedChatModel(FakeChatModel(REPLY, RateLimitError("wait")), metrics=metrics)
    reply = await model.complete(REQUEST)
    with pytest.raises(RateLimitError):
        await model.complete(REQUEST)
    text = metrics.exposition().decode()
    of_model = 'model="fake:scripted"'
    tokens = float(reply.usage.completion_tokens)
    assert f'llm_calls_total{{{of_model},outcome="succeeded"}} 1.0' in text
    assert f'llm_calls_total{{{of_model},outcome="failed"}} 1.0' in text
    assert f'llm_tokens_total{{kind="completion",{of_model}}} {tokens}' in text
    assert f"llm_call_ms_count{{{of_model}}} 2.0" in text


async def test_a_failure_is_logged_and_goes_on(metrics: Metrics) -> None:
    """ERROR with the class of the error, and no tokens, as nothing came."""
    model = ObservedChatModel(FakeChatModel(RateLimitError(SECRET)), metrics=metrics)
    with capture_logs() as logs, pytest.raises(RateLimitError):
        await model.complete(REQUEST)
    event = only_event(logs)
    assert (event["log_level"], event["success"]) == ("error", False)
    assert (event["error"], event["total_tokens"]) == ("RateLimitError", 0)


async def test_a_broken_stream_counts_what_came(metrics: Metrics) -> None:
    """The provider bills what it sent before it failed, so the estimate is logged."""
    fake = FakeChatModel(("first piece", RateLimitError("wait")))
    with capture_logs() as logs, pytest.raises(RateLimitError):
        await read(ObservedChatModel(fake, metrics=metrics))
    event = only_event(logs)
    assert event["completion_tokens"] == count_tokens("first piece")
    assert event["prompt_tokens"] == count_tokens(SECRET)


async def test_a_stream_without_a_reply_is_an_error(metrics: Metrics) -> None:
    """A stream that just stops is not taken for a reply."""
    with capture_logs() as logs, pytest.raises(InvalidResponseError):
        await read(ObservedChatModel(FakeChatModel(("first piece", None)), metrics=metrics))
    assert only_event(logs)["error"] == "InvalidResponseError"


async def test_an_abandoned_stream_is_logged_and_closed(metrics: Metrics) -> None:
    """Whoever hangs up ends the call, which logs a WARNING with what came."""
    fake = FakeChatModel("a reply of some length")
    stream = ObservedChatModel(fake, metrics=metrics).stream(REQUEST)
    with capture_logs() as logs:
        await anext(stream)
        await stream.aclose()
    event = only_event(logs)
    assert (event["log_level"], event["success"]) == ("warning", False)
    assert (event["error"], fake.closed_early) == ("GeneratorExit", 1)
    assert event["completion_tokens"] > 0
    assert 'outcome="abandoned"} 1.0' in metrics.exposition().decode()


async def test_a_cancelled_call_is_logged(metrics: Metrics) -> None:
    """A timeout cancels the call: that is no failure of the model."""

    class Stalled(FakeChatModel):
        async def complete(self, request: ChatRequest) -> ChatReply:
            """Never answer."""
            await asyncio.Event().wait()
            return await super().complete(request)

    model = ObservedChatModel(Stalled(), metrics=metrics)
    with capture_logs() as logs, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await model.complete(REQUEST)
    event = only_event(logs)
    assert (event["log_level"], event["error"]) == ("warning", "CancelledError")


async def test_a_stream_left_after_the_reply_has_succeeded(metrics: Metrics) -> None:
    """Who has the whole reply need not ask for the end of the stream."""
    stream = ObservedChatModel(FakeChatModel(REPLY), metrics=metrics).stream(REQUEST)
    with capture_logs() as logs:
        async for piece in stream:
            if isinstance(piece, ChatReply):
                break
        await stream.aclose()
    event = only_event(logs)
    assert (event["log_level"], event["success"], event["error"]) == ("info", True, None)
