"""Every model call is logged once and counted, without its content."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from structlog.testing import capture_logs

from fixtures.models import FakeChatModel
from gwkit.errors import InvalidResponseError, RateLimitError
from gwkit.models.calls import ObservedChatModel
from gwkit.models.messages import ChatReply, ChatRequest, Delta, Message, Usage
from gwkit.telemetry.metrics import Metrics
from gwkit.text.characters import count_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, MutableMapping
    from contextlib import AbstractContextManager
    from typing import Any

    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

SECRET = "the patient is called"
REQUEST = ChatRequest(
    messages=(Message(role="user", content=SECRET),), question=SECRET, prompt_hash="abc"
)
REPLY = "the answer is secret too [1]"


def only_event(logs: list[MutableMapping[str, Any]]) -> MutableMapping[str, Any]:
    """Return the only event, after a check of its common fields."""
    (event,) = logs
    assert event["event"] == "llm_call"
    assert event["model"] == "fake:scripted"
    assert event["latency_ms"] >= 0
    assert event["prompt_hash"] == "abc"
    assert event["total_tokens"] == event["prompt_tokens"] + event["completion_tokens"]
    assert "secret" not in str(event)
    assert SECRET not in str(event)
    return event


@dataclass
class Counts:
    """What guards count; `gwkit.resilience`, which has such a meter, is not in every service."""

    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def entered(self) -> AbstractContextManager[None]:
        """Return a context manager that does nothing."""
        return nullcontext()


@pytest.fixture
def metrics() -> Metrics:
    """Return metrics of the test's own."""
    return Metrics()


async def read(model: ObservedChatModel) -> list[Delta | ChatReply]:
    """Return all pieces of a stream."""
    return [piece async for piece in model.stream(REQUEST)]


async def test_a_call_logs_one_event(metrics: Metrics) -> None:
    """A reply is passed through, and its usage is logged at INFO."""
    model = ObservedChatModel(FakeChatModel(REPLY), metrics=metrics)
    with capture_logs() as logs:
        reply = await model.complete(REQUEST)
    assert (model.name, reply.text) == ("fake:scripted", REPLY)
    event = only_event(logs)
    assert (event["log_level"], event["success"], event["error"]) == ("info", True, None)
    assert event["prompt_tokens"] == reply.usage.prompt_tokens
    assert event["completion_tokens"] == reply.usage.completion_tokens


async def test_a_stream_logs_one_event(metrics: Metrics) -> None:
    """All pieces are passed through, and the event comes with the complete reply."""
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
    assert f"llm_call_seconds_count{{{of_model}}} 2.0" in text


async def test_a_failure_is_logged_and_goes_on(metrics: Metrics) -> None:
    """The level is ERROR, with the error's class and without tokens."""
    model = ObservedChatModel(FakeChatModel(RateLimitError(SECRET)), metrics=metrics)
    with capture_logs() as logs, pytest.raises(RateLimitError):
        await model.complete(REQUEST)
    event = only_event(logs)
    assert (event["log_level"], event["success"]) == ("error", False)
    assert (event["error"], event["total_tokens"]) == ("RateLimitError", 0)


async def test_a_broken_stream_counts_what_came(metrics: Metrics) -> None:
    """The provider bills what it sent before the failure, so an estimate is logged."""
    fake = FakeChatModel(("first piece", RateLimitError("wait")))
    with capture_logs() as logs, pytest.raises(RateLimitError):
        await read(ObservedChatModel(fake, metrics=metrics))
    event = only_event(logs)
    assert event["completion_tokens"] == count_tokens("first piece")
    assert event["prompt_tokens"] == count_tokens(SECRET)


async def test_a_stream_without_a_reply_is_an_error(metrics: Metrics) -> None:
    """A stream without a final reply is an error."""
    with capture_logs() as logs, pytest.raises(InvalidResponseError):
        await read(ObservedChatModel(FakeChatModel(("first piece", None)), metrics=metrics))
    assert only_event(logs)["error"] == "InvalidResponseError"


async def test_an_abandoned_stream_is_logged_and_closed(metrics: Metrics) -> None:
    """A caller who hangs up ends the call, which logs a WARNING with what came."""
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
    """A timeout cancels the call, which is not a failure of the model."""

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
    """A reader who has the whole reply need not ask for the end of the stream."""
    stream = ObservedChatModel(FakeChatModel(REPLY), metrics=metrics).stream(REQUEST)
    with capture_logs() as logs:
        async for piece in stream:
            if isinstance(piece, ChatReply):
                break
        await stream.aclose()
    event = only_event(logs)
    assert (event["log_level"], event["success"], event["error"]) == ("info", True, None)


async def test_what_a_call_took_is_logged(metrics: Metrics) -> None:
    """Attempts, time to the first piece, and cost are logged and counted."""
    meter = Counts()

    class Retried(FakeChatModel):
        async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | ChatReply]:
            """Be sent twice."""
            meter.attempts += 2
            async for piece in super().stream(request):
                yield piece

    charged: list[Usage] = []

    def charge(usage: Usage) -> float | None:
        charged.append(usage)
        return 0.5

    with capture_logs() as logs:
        model = ObservedChatModel(
            Retried(REPLY), metrics=metrics, charge=charge, meter=lambda: meter
        )
        pieces = await read(model)
    event = only_event(logs)
    assert (event["operation"], event["attempts"], event["cost_usd"]) == ("chat", 2, 0.5)
    assert 0 <= event["first_token_ms"] <= event["latency_ms"]
    assert isinstance(pieces[-1], ChatReply)
    assert [pieces[-1].usage] == charged
    text = metrics.exposition().decode()
    assert 'llm_attempts_total{model="fake:scripted"} 2.0' in text
    assert 'llm_cost_usd_total{model="fake:scripted"} 0.5' in text
    assert 'llm_first_token_seconds_count{model="fake:scripted"} 1.0' in text


async def test_an_unknown_cost_is_null(metrics: Metrics) -> None:
    """It is never 0 in the log or the metrics, except for free models."""
    unknown = ObservedChatModel(FakeChatModel(REPLY), metrics=metrics, charge=lambda _: None)
    with capture_logs() as logs:
        await unknown.complete(REQUEST)
    event = only_event(logs)
    assert (event["cost_usd"], event["attempts"], event["first_token_ms"]) == (None, 1, None)
    assert "llm_cost_usd_total{" not in metrics.exposition().decode()
    with capture_logs() as logs:
        await ObservedChatModel(FakeChatModel(REPLY), metrics=metrics).complete(REQUEST)
    assert only_event(logs)["cost_usd"] == 0.0


async def test_a_call_is_a_span(metrics: Metrics, spans: InMemorySpanExporter) -> None:
    """The span has the fields of the event, without the content."""
    model = ObservedChatModel(FakeChatModel(REPLY), metrics=metrics, charge=lambda _: 0.5)
    await read(model)
    (span,) = spans.get_finished_spans()
    attributes = dict(span.attributes or {})
    assert span.name == "chat scripted"
    assert attributes["gen_ai.usage.output_tokens"] == count_tokens(REPLY)
    assert attributes["gen_ai.response.model"] == "scripted"
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["app.llm.cost_usd"] == 0.5
    assert attributes["app.llm.prompt_hash"] == "abc"
    assert "secret" not in span.to_json()
    assert SECRET not in span.to_json()


async def test_what_a_model_does_belongs_to_its_span(
    metrics: Metrics, spans: InMemorySpanExporter
) -> None:
    """Spans of an instrumented HTTP client are children of the call's span."""

    class Traced(FakeChatModel):
        async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | ChatReply]:
            """Send a request."""
            trace.get_tracer("test").start_span("POST").end()
            async for piece in super().stream(request):
                yield piece

    model = ObservedChatModel(Traced(REPLY, REPLY), metrics=metrics)
    await model.complete(REQUEST)
    await read(model)
    finished = spans.get_finished_spans()
    assert ["POST", "chat scripted"] * 2 == [span.name for span in finished]
    for inner, outer in zip(finished[::2], finished[1::2], strict=True):
        assert inner.parent is not None
        assert outer.context is not None
        assert outer.context.span_id == inner.parent.span_id


async def test_content_is_told_where_it_was_asked_for(
    metrics: Metrics, spans: InMemorySpanExporter
) -> None:
    """It is recorded only on request, and a warning is logged before the first call."""
    with capture_logs() as logs:
        model = ObservedChatModel(FakeChatModel(REPLY), metrics=metrics, log_content=True)
        assert [("content_is_logged", "warning")] == [
            (event["event"], event["log_level"]) for event in logs
        ]
        await model.complete(REQUEST)
    event = logs[-1]
    assert event["prompt"] == [{"role": "user", "content": SECRET}]
    assert event["reply"] == REPLY
    (span,) = spans.get_finished_spans()
    attributes = dict(span.attributes or {})
    assert json.loads(str(attributes["gen_ai.input.messages"])) == [
        {"role": "user", "parts": [{"type": "text", "content": SECRET}]}
    ]
    assert REPLY in str(attributes["gen_ai.output.messages"])


async def test_a_failed_call_has_a_prompt_and_no_reply(
    metrics: Metrics, spans: InMemorySpanExporter
) -> None:
    """The prompt is there in the form of the conventions; a reply that never came is empty."""
    fake = FakeChatModel(RateLimitError("wait"))
    model = ObservedChatModel(fake, metrics=metrics, log_content=True)
    with capture_logs() as logs, pytest.raises(RateLimitError):
        await model.complete(REQUEST)
    assert (logs[-1]["reply"], logs[-1]["prompt"][0]["content"]) == ("", SECRET)
    (span,) = spans.get_finished_spans()
    assert (span.attributes or {})["error.type"] == "RateLimitError"
