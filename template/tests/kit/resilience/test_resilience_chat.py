"""The whole port, with the vendors' own SDKs, at a faulty provider over real HTTP.

Each test checks the number of requests, the result, the log and the metrics.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from app.options.providers.guards import ResilientGuards
from fixtures.configuration import REGISTRY
from fixtures.provider.conformance import Verdict
from fixtures.provider.script import Step
from gwkit.errors import (
    InvalidResponseError,
    LLMError,
    ModelUnavailableError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitError,
    RefusalError,
    TokenLimitError,
)
from gwkit.models.messages import ChatReply, ChatRequest, Delta, Message
from gwkit.resilience.breaker import CircuitBreaker
from gwkit.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, MutableMapping

    from fixtures.clock import ControlledLoop
    from fixtures.configuration import MakeSettings
    from fixtures.provider import FaultyProvider
    from gwkit.models.protocols import ChatModel

NAMES = {"anthropic:*": "anthropic:claude-sonnet-5-5", "openai:*": "openai:gpt-4o-mini"}
# A service has only its chosen providers.
MODELS = [name for known, name in NAMES.items() if known in REGISTRY.chat_models.parts]
# A long step on a machine under load is not an error here.
PATIENT = {
    "timeout_seconds": 300,
    "llm_timeout_seconds": 200,
    "llm_attempt_timeout_seconds": 60,
    "llm_queue_seconds": 60,
}
REQUEST = ChatRequest(
    messages=(Message(role="user", content="How long does a parcel wait?"),),
    question="How long does a parcel wait?",
    max_tokens=100,
)


@dataclass
class Bench:
    """A model as the wiring makes it, and its logs and metrics."""

    model: ChatModel
    metrics: Metrics
    logs: list[MutableMapping[str, Any]] = field(default_factory=list)

    async def ask(self, *, stream: bool = False) -> ChatReply:
        """Return the reply, whole or by pieces."""
        with capture_logs() as logs:
            try:
                if not stream:
                    return await self.model.complete(REQUEST)
                pieces = [piece async for piece in self.model.stream(REQUEST)]
            finally:
                self.logs += logs
        assert isinstance(pieces[-1], ChatReply)
        return pieces[-1]

    async def fail(self, error: type[LLMError], *, stream: bool = False) -> LLMError:
        """Return the error of a call."""
        with pytest.raises(error) as caught:
            await self.ask(stream=stream)
        return caught.value

    def events(self, name: str) -> list[MutableMapping[str, Any]]:
        """Return the events of a name."""
        return [event for event in self.logs if event["event"] == name]

    def call(self) -> MutableMapping[str, Any]:
        """Return the one `llm_call`."""
        (event,) = self.events("llm_call")
        return event

    def count(self, name: str, **labels: str) -> float:
        """Return the value of a counter."""
        wanted = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        for line in self.metrics.exposition().decode().splitlines():
            if line.startswith(f"{name}{{{wanted}}} "):
                return float(line.rpartition(" ")[2])
        return 0.0


@asynccontextmanager
async def opened(
    make_settings: MakeSettings, provider: FaultyProvider, *names: str, **settings: object
) -> AsyncIterator[Bench]:
    """Open models at the faulty provider, with quick retries."""
    addresses = {
        "anthropic": {"anthropic_api_key": "k", "anthropic_base_url": provider.anthropic_url},
        "openai": {"openai_api_key": "k", "openai_base_url": provider.openai_url},
    }
    fields: dict[str, object] = {"default_model": names[0], "fallback_models": names[1:]}
    for name in names:
        fields |= addresses[name.partition(":")[0]]
    metrics = Metrics()
    made = make_settings(**(fields | PATIENT | settings))
    async with ResilientGuards.open(made, metrics) as guards, AsyncExitStack() as stack:
        models = [
            await stack.enter_async_context(REGISTRY.chat_models.find(name, "")(name, made))
            for name in names
        ]
        yield Bench(guards.chat_model(models), metrics)


pytestmark = [
    pytest.mark.parametrize("name", MODELS),
    pytest.mark.skipif(not MODELS, reason="the service has no provider of chat models"),
]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits that the provider did not request."""
    from gwkit.resilience import retry  # noqa: PLC0415 - only this fixture looks inside

    made = retry.Retry.__init__

    def init(self: retry.Retry, model: str, **options: Any) -> None:  # noqa: ANN401 - passed on
        made(self, model, **({"base_seconds": 0.001} | options))

    monkeypatch.setattr(retry.Retry, "__init__", init)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_good_call(
    name: str, provider: FaultyProvider, make_settings: MakeSettings, *, stream: bool
) -> None:
    """One request, one event with tokens and cost, and the same in the metrics."""
    async with opened(make_settings, provider, name) as bench:
        reply = await bench.ask(stream=stream)
    event = bench.call()
    assert 1 == len(provider.requests)
    assert (name, True, 1) == (event["model"], event["success"], event["attempts"])
    assert event["total_tokens"] == reply.usage.total_tokens > 0
    assert event["cost_usd"] > 0
    assert stream == (event["first_token_ms"] is not None)
    assert 1 == bench.count("llm_calls_total", model=name, outcome="succeeded")
    assert event["cost_usd"] == bench.count("llm_cost_usd_total", model=name)


@pytest.mark.parametrize("stream", [False, True])
async def test_rate_limited_then_answered(
    name: str, provider: FaultyProvider, make_settings: MakeSettings, *, stream: bool
) -> None:
    """It waits for the requested time, and retries."""
    provider.follow("429 retry_after=0.4", "ok")
    async with opened(make_settings, provider, name) as bench:
        await bench.ask(stream=stream)
    first, second = provider.requests
    assert 0.4 <= second.at - first.at
    assert (2, True) == (bench.call()["attempts"], bench.call()["success"])
    (failed,) = bench.events("llm_attempt_failed")
    assert ("RateLimitError", 429) == (failed["error"], failed["status"])
    assert 2 == bench.count("llm_attempts_total", model=name)


async def test_a_wait_beyond_the_deadline_is_not_begun(
    name: str, provider: FaultyProvider, make_settings: MakeSettings
) -> None:
    """The caller gets the provider's wait at once."""
    provider.always("429 retry_after=600")
    async with opened(make_settings, provider, name) as bench:
        error = await bench.fail(RateLimitError)
    assert isinstance(error, RateLimitError)
    assert (600, 1) == (error.retry_after, len(provider.requests))


@pytest.mark.parametrize("step", ["500", "503", "529", "408", "409", "drop"])
async def test_what_may_pass_is_tried_until_it_is_given_up(
    name: str, provider: FaultyProvider, make_settings: MakeSettings, step: str
) -> None:
    """The number of requests is the maximum of attempts; then the error is raised."""
    provider.always(step)
    async with opened(make_settings, provider, name, llm_attempts=3) as bench:
        await bench.fail(ProviderError)
    assert 3 == len(provider.requests)
    assert (3, False) == (bench.call()["attempts"], bench.call()["success"])
    assert 1 == bench.count("llm_calls_total", model=name, outcome="failed")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_what_cannot_pass_is_not_tried_again(
    name: str, provider: FaultyProvider, make_settings: MakeSettings, status: int, *, stream: bool
) -> None:
    """There is one request, and the error has its status."""
    provider.always(str(status))
    async with opened(make_settings, provider, name) as bench:
        error = await bench.fail(ProviderError, stream=stream)
    assert isinstance(error, ProviderError)
    assert (status, 1) == (error.status, len(provider.requests))
    assert [] == bench.events("llm_attempt_failed")


async def test_a_slow_first_byte_is_given_up(
    name: str, provider: FaultyProvider, make_settings: MakeSettings
) -> None:
    """Each attempt has its timeout, and is followed by another one."""
    provider.always("delay=9")
    options = {"llm_attempt_timeout_seconds": 0.5, "llm_attempts": 2}
    async with opened(make_settings, provider, name, **options) as bench:
        await bench.fail(ProviderTimeoutError)
    assert 2 == bench.call()["attempts"] >= len(provider.requests)
    assert ["ProviderTimeoutError"] == [e["error"] for e in bench.events("llm_attempt_failed")]


async def test_the_whole_time_is_kept(
    name: str, provider: FaultyProvider, make_settings: MakeSettings
) -> None:
    """The total timeout applies to any number of attempts."""
    provider.always("delay=9")
    options = {"llm_attempt_timeout_seconds": 0.4, "llm_timeout_seconds": 0.7, "llm_attempts": 9}
    async with opened(make_settings, provider, name, **options) as bench:
        await bench.fail(ProviderTimeoutError)
    assert 1 <= bench.call()["attempts"] <= 2
    assert len(provider.requests) <= 2


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("stall_after=2", ProviderTimeoutError),
        ("cut_after=2", ProviderError),
        ("error_after=2", LLMError),
    ],
)
async def test_a_stream_is_not_begun_again(
    name: str,
    provider: FaultyProvider,
    make_settings: MakeSettings,
    step: str,
    error: type[LLMError],
    *,
    clock: ControlledLoop,
) -> None:
    """Two pieces, then a typed error, and no second request."""
    provider.follow(step, "ok")
    pieces: list[Delta | ChatReply] = []

    async def read() -> None:
        async with aclosing(bench.model.stream(REQUEST)) as stream:
            async for piece in stream:
                pieces.append(piece)
                if len(pieces) == 2 and "stall" in step:
                    clock.skip_waits()

    async with opened(make_settings, provider, name) as bench:
        with capture_logs() as bench.logs, pytest.raises(error):
            await read()
    assert (2, 1) == (len(pieces), len(provider.requests))
    event = bench.call()
    assert (False, 1) == (event["success"], event["attempts"])
    assert event["completion_tokens"] > 0


async def test_what_is_no_json_is_asked_for_again_once(
    name: str, provider: FaultyProvider, make_settings: MakeSettings
) -> None:
    """A second invalid reply is an error."""
    provider.follow("malformed", "ok")
    async with opened(make_settings, provider, name, llm_attempts=5) as bench:
        await bench.ask()
        assert 2 == len(provider.requests)
        provider.reset()
        provider.always("malformed")
        await bench.fail(InvalidResponseError)
    assert 2 == len(provider.requests)


async def test_an_event_that_is_no_json_ends_the_stream(
    name: str, provider: FaultyProvider, make_settings: MakeSettings
) -> None:
    """There were pieces before, so nothing is retried."""
    provider.follow("malformed", "ok")
    async with opened(make_settings, provider, name) as bench:
        await bench.fail(InvalidResponseError, stream=True)
    assert 1 == len(provider.requests)


@pytest.mark.parametrize(
    ("step", "error"), [("refusal", RefusalError), ("overflow", TokenLimitError)]
)
async def test_an_answer_of_its_own_kind_is_not_tried_again(
    name: str,
    provider: FaultyProvider,
    make_settings: MakeSettings,
    step: str,
    error: type[LLMError],
) -> None:
    """The same request would get the same reply."""
    provider.always(step)
    async with opened(make_settings, provider, name) as bench:
        await bench.fail(error)
    assert 1 == len(provider.requests)
    # A refusing model has read the prompt, so its tokens are paid for.
    assert (step == "refusal") == (bench.call()["prompt_tokens"] > 0)


async def test_a_reply_that_was_of_no_use_is_paid_for(
    name: str, provider: FaultyProvider, make_settings: MakeSettings
) -> None:
    """A call that is made again counts twice, in the log and so in the budget."""
    provider.follow(Step(text='{"grounded": 1, "reasons": 2}'), "ok")
    request = REQUEST.model_copy(update={"reply_type": Verdict})
    async with opened(make_settings, provider, name) as bench:
        with capture_logs() as bench.logs:
            reply = await bench.model.complete(request)
    assert 2 == len(provider.requests)
    assert bench.call()["prompt_tokens"] == 2 * reply.usage.prompt_tokens


@pytest.mark.skipif(len(MODELS) < 2, reason="the service has one provider")
@pytest.mark.parametrize("stream", [False, True])
async def test_another_model_answers(
    name: str, provider: FaultyProvider, make_settings: MakeSettings, *, stream: bool
) -> None:
    """After the attempts of the first are used up, for this request only."""
    (other,) = (model for model in MODELS if model != name)
    provider.follow("500", "500")
    async with opened(make_settings, provider, name, other, llm_attempts=2) as bench:
        assert other == (await bench.ask(stream=stream)).model
        assert [(name, 2, False), (other, 1, True)] == [
            (event["model"], event["attempts"], event["success"])
            for event in bench.events("llm_call")
        ]
        assert name == (await bench.ask(stream=stream)).model
    assert 4 == len(provider.requests)
    assert 1 == bench.count("llm_fallbacks_total", model=name, to=other)


async def test_the_breaker_opens_and_probes(
    name: str,
    provider: FaultyProvider,
    make_settings: MakeSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While it is open nothing is sent; then one probe is sent, and closes it."""
    provider.follow("500", "500", "500")
    now = [0.0]
    breaker = partial(CircuitBreaker, clock=lambda: now[0])
    monkeypatch.setattr("gwkit.resilience.policy.CircuitBreaker", breaker)
    options = {"llm_attempts": 1, "llm_circuit_failures": 3, "llm_circuit_seconds": 30}
    async with opened(make_settings, provider, name, **options) as bench:
        for _ in range(3):
            await bench.fail(ProviderError)
        await bench.fail(ModelUnavailableError)
        assert 3 == len(provider.requests)
        now[0] = 31
        await bench.ask()
    assert 4 == len(provider.requests)
    states = [event["state"] for event in bench.events("llm_circuit_changed")]
    assert ["open", "half_open", "closed"] == states


async def test_the_bound_of_calls_holds(
    name: str, provider: FaultyProvider, make_settings: MakeSettings
) -> None:
    """The number of concurrent requests is limited; the next is sent when one ends."""
    provider.always("delay=60")
    async with opened(make_settings, provider, name, llm_concurrency=3) as bench:
        asked = [asyncio.create_task(bench.model.complete(REQUEST)) for _ in range(6)]
        while len(provider.requests) < 3:  # noqa: ASYNC110 - they arrive in another thread
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert 3 == len(provider.requests)
        provider.always("ok")
        for task in asked[:3]:
            task.cancel()
        await asyncio.gather(*asked[3:])
    assert 6 == len(provider.requests)


async def test_who_waits_too_long_is_told(
    name: str, provider: FaultyProvider, make_settings: MakeSettings
) -> None:
    """The wait in the queue is limited, and no request is sent."""
    provider.always("delay=60")
    options = {"llm_concurrency": 1, "llm_queue_seconds": 0.1}
    async with opened(make_settings, provider, name, **options) as bench:
        first = asyncio.create_task(bench.model.complete(REQUEST))
        while not provider.requests:  # noqa: ASYNC110 - it arrives in another thread
            await asyncio.sleep(0.01)
        await bench.fail(ModelUnavailableError)
        first.cancel()
    assert 1 == len(provider.requests)


async def test_leaving_a_stream_ends_the_request(
    name: str, provider: FaultyProvider, make_settings: MakeSettings
) -> None:
    """The provider sees the disconnect, and the place is free."""
    provider.follow("stall_after=1")
    async with opened(make_settings, provider, name, llm_concurrency=1) as bench:
        async with aclosing(bench.model.stream(REQUEST)) as stream:
            await anext(stream)
        await bench.ask()
    assert [False, True] == [each.finished for each in provider.requests]
