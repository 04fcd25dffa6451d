"""Another model replaces the first for one request, if that can help."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from fixtures.models import FakeChatModel
from gwkit.errors import (
    BudgetExceededError,
    InvalidResponseError,
    LLMError,
    ModelUnavailableError,
    ProviderError,
    RateLimitError,
    RefusalError,
    TokenLimitError,
)
from gwkit.models.messages import ChatReply, ChatRequest, Message
from gwkit.resilience.current_call import remaining_seconds
from gwkit.resilience.fallback import FallbackChatModel
from gwkit.telemetry.metrics import Metrics

SERVER = ProviderError("server", status=500, passing=True)
REQUEST = ChatRequest(messages=(Message(role="user", content="why?"),), question="why?")


def chain(*models: FakeChatModel, metrics: Metrics | None = None) -> FallbackChatModel:
    """Return a chain of the models."""
    return FallbackChatModel(models, timeout_seconds=5, metrics=metrics or Metrics())


async def ask(model: FallbackChatModel, *, stream: bool) -> ChatReply:
    """Return the reply, whole or by pieces."""
    if not stream:
        return await model.complete(REQUEST)
    reply = [piece async for piece in model.stream(REQUEST)][-1]
    assert isinstance(reply, ChatReply)
    return reply


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        SERVER,
        RateLimitError("slow down"),
        ModelUnavailableError("left alone"),
        ProviderError("the key is wrong", status=401),
        ProviderError("no such model", status=404),
        InvalidResponseError(response="<html>", expected="JSON"),
        RefusalError("fake:one", "policy"),
    ],
)
async def test_the_next_model_is_asked(error: LLMError, *, stream: bool) -> None:
    """The reply names its model, the chain keeps the first one's name."""
    one, two = FakeChatModel(error, name="fake:one"), FakeChatModel("yes", name="fake:two")
    metrics = Metrics()
    model = chain(one, two, metrics=metrics)
    with capture_logs() as logs:
        reply = await ask(model, stream=stream)
    assert ("yes", "fake:two", "fake:one") == (reply.text, reply.model, model.name)
    (event,) = logs
    assert {
        "event": "llm_fallback",
        "log_level": "warning",
        "model": "fake:one",
        "to": "fake:two",
        "error": type(error).__name__,
    } == event
    expected = 'llm_fallbacks_total{model="fake:one",to="fake:two"} 1.0'
    assert expected in metrics.exposition().decode()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        ProviderError("bad", status=400),
        ProviderError("bad", status=422),
        TokenLimitError(tokens_used=2, limit=1),
        BudgetExceededError("used up"),
        ValueError("a bug"),
    ],
)
async def test_what_another_model_cannot_help_is_raised(error: Exception, *, stream: bool) -> None:
    """The request is invalid, too long or over the budget for any model."""
    one, two = FakeChatModel(error), FakeChatModel("yes")
    with pytest.raises(type(error)) as caught:
        await ask(chain(one, two), stream=stream)
    assert caught.value is error
    assert [] == two.requests


@pytest.mark.parametrize("stream", [False, True])
async def test_the_last_error_is_raised(*, stream: bool) -> None:
    """If every model failed, the last error is raised."""
    last = ProviderError("the last", status=503, passing=True)
    with pytest.raises(ProviderError) as caught:
        await ask(
            chain(FakeChatModel(SERVER), FakeChatModel(SERVER), FakeChatModel(last)), stream=stream
        )
    assert caught.value is last


async def test_each_request_begins_with_the_first_model() -> None:
    """A fallback applies to one request only."""
    one = FakeChatModel(SERVER, "yes", name="fake:one")
    model = chain(one, FakeChatModel("well", name="fake:two"))
    assert ["fake:two", "fake:one"] == [(await model.complete(REQUEST)).model for _ in range(2)]


async def test_a_stream_that_has_begun_stays_with_its_model() -> None:
    """A reply is never composed of two models' parts."""
    two = FakeChatModel("no")
    with pytest.raises(ProviderError):
        await ask(chain(FakeChatModel(("yes, ", SERVER)), two), stream=True)
    assert [] == two.requests


async def test_leaving_a_stream_closes_it() -> None:
    """The model's stream is closed through the chain."""
    fake = FakeChatModel("a reply of some length")
    stream = chain(fake, FakeChatModel()).stream(REQUEST)
    await anext(stream)
    await stream.aclose()
    assert 1 == fake.closed_early


@pytest.mark.usefixtures("no_waiting")
async def test_all_models_share_one_time() -> None:
    """The second one does not have the time that the first one took."""
    left: list[float] = []

    class Slow(FakeChatModel):
        async def complete(self, request: ChatRequest) -> ChatReply:
            """Take a while, and fail."""
            left.append(remaining_seconds())
            await asyncio.sleep(0.02)
            return await super().complete(request)

    await chain(Slow(SERVER), Slow("yes")).complete(REQUEST)
    first, second = left
    assert first == pytest.approx(5)
    assert second == pytest.approx(5 - 0.02)
