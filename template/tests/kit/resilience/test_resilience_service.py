"""The whole service, from HTTP to HTTP: provider failures and the caller's responses."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.wiring import create_app
from fixtures.asgi import open_client
from fixtures.configuration import REGISTRY
from gwkit.logging.setup import configure_logging

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from app.config.settings import Settings
    from fixtures.clock import ControlledLoop
    from fixtures.provider import FaultyProvider

NAMES = {"anthropic:*": "anthropic:claude-sonnet-5-5", "openai:*": "openai:gpt-4o-mini"}
# A service has only its chosen providers.
MODELS = [name for known, name in NAMES.items() if known in REGISTRY.chat_models.parts]
QUESTION = {"question": "How many days of paid leave does everybody have?"}

pytestmark = pytest.mark.skipif(not MODELS, reason="the service has no provider of chat models")


@pytest.fixture(params=MODELS)
def provided(
    request: pytest.FixtureRequest, live_settings: Settings, provider: FaultyProvider
) -> Settings:
    """Return settings over an index, with a model at the faulty provider."""
    vendor, _, _ = request.param.partition(":")
    addresses: Mapping[str, object] = {
        "anthropic_base_url": provider.anthropic_url,
        "openai_base_url": provider.openai_url,
    }
    known = {key: value for key, value in addresses.items() if key.startswith(vendor)}
    return live_settings.model_copy(
        update={
            **known,
            "default_model": request.param,
            "llm_attempts": 1,
            "llm_attempt_timeout_seconds": 28.0,
            "paid_path": live_settings.index_path.with_name("paid.sqlite"),
        }
    )


async def post(settings: Settings, body: Mapping[str, object]) -> httpx2.Response:
    """Ask a service with these settings."""
    async with open_client(create_app(settings, REGISTRY)) as client:
        return await client.post("/v1/answer", json=body)


def last_event(text: str) -> tuple[str, dict[str, object]]:
    """Return the name and the data of the last event of a stream."""
    *_, last = (part for part in text.split("\n\n") if part.strip())
    fields = dict(line.split(": ", 1) for line in last.splitlines())
    return fields["event"], json.loads(fields["data"])


async def test_an_answer_is_cited(provided: Settings, provider: FaultyProvider) -> None:
    """A provider's reply cites what was sent to it, and is logged without content."""
    with capture_logs() as logs:
        response = await post(provided, QUESTION)
    body = response.json()
    assert (200, provided.default_model) == (response.status_code, body["model"])
    assert body["citations"]
    assert 1 == len(provider.requests)
    (event,) = (event for event in logs if event["event"] == "llm_call")
    assert sum(body["usage"].values()) == event["total_tokens"] > 0
    assert QUESTION["question"] not in str(logs)
    assert body["answer"] not in str(logs)


async def test_too_long_a_prompt_is_shortened_once(
    provided: Settings, provider: FaultyProvider
) -> None:
    """ERR6: the second request has fewer passages, each of them whole."""
    provider.follow("overflow", "ok")
    response = await post(provided, QUESTION)
    assert 200 == response.status_code
    first, second = (json.dumps(each.body) for each in provider.requests)
    assert 0 < second.count("</passage ") < first.count("</passage ")
    provider.reset()
    provider.always("overflow")
    response = await post(provided, QUESTION)
    assert (422, "too_many_tokens") == (response.status_code, response.json()["code"])
    assert 2 == len(provider.requests)


@pytest.mark.parametrize(
    ("step", "code"), [("cut_after=3", "model_failed"), ("stall_after=3", "model_timeout")]
)
async def test_a_broken_stream_ends_in_a_typed_event(
    provided: Settings, provider: FaultyProvider, clock: ControlledLoop, step: str, code: str
) -> None:
    """The caller has the pieces, and the last event is an error."""
    provider.follow(step)
    silence = asyncio.create_task(provider.skip_silence(clock))
    response = await post(provided, {**QUESTION, "stream": True})
    silence.cancel()
    assert 200 == response.status_code
    name, problem = last_event(response.text)
    assert ("error", code) == (name, problem["code"])
    assert response.headers["x-request-id"] == problem["request_id"]
    assert "event: token" in response.text
    assert 1 == len(provider.requests)


async def test_a_failure_is_a_problem(provided: Settings, provider: FaultyProvider) -> None:
    """Before the first piece a stream fails like other requests."""
    settings = provided.model_copy(update={"llm_circuit_failures": 1_000})
    expected = {
        "429 retry_after=7": (503, "model_busy"),
        "500": (502, "model_failed"),
        "401": (502, "model_failed"),
        "refusal": (422, "refused"),
    }
    async with open_client(create_app(settings, REGISTRY)) as client:
        for step, problem in expected.items():
            provider.always(step)
            for stream in (False, True):
                reply = await client.post("/v1/answer", json={**QUESTION, "stream": stream})
                assert problem == (reply.status_code, reply.json()["code"]), step
                wait = "7" if "retry_after" in step else None
                assert wait == reply.headers.get("retry-after")
        provider.always("malformed")
        reply = await client.post("/v1/answer", json=QUESTION)
        assert (502, "model_failed") == (reply.status_code, reply.json()["code"])


@pytest.mark.parametrize("stream", [False, True])
async def test_no_answer_in_time_is_a_problem(
    provided: Settings, provider: FaultyProvider, *, stream: bool
) -> None:
    """The problem names the model as the cause."""
    provider.always("delay=60")
    settings = provided.model_copy(update={"llm_attempt_timeout_seconds": 0.2})
    response = await post(settings, {**QUESTION, "stream": stream})
    assert (504, "model_timeout") == (response.status_code, response.json()["code"])


async def test_the_budget_refuses_politely(provided: Settings, provider: FaultyProvider) -> None:
    """The first question exhausts it; the second gets the time to wait, and costs nothing."""
    settings = provided.model_copy(update={"daily_tokens": 1})
    async with open_client(create_app(settings, REGISTRY)) as client:
        assert 200 == (await client.post("/v1/answer", json=QUESTION)).status_code
        response = await client.post("/v1/answer", json=QUESTION)
    assert (503, "budget_exceeded") == (response.status_code, response.json()["code"])
    assert 0 < int(response.headers["retry-after"]) <= 24 * 60 * 60
    assert 1 == len(provider.requests)


async def test_the_offline_model_stands_in(provided: Settings, provider: FaultyProvider) -> None:
    """With one setting a service answers from its documents while its provider is down."""
    provider.always("500")
    settings = provided.model_copy(update={"fallback_models": ("offline:extractive",)})
    response = await post(settings, QUESTION)
    assert (200, "offline:extractive") == (response.status_code, response.json()["model"])
    assert 1 == len(provider.requests)


async def test_a_kept_answer_is_not_asked_for_again(
    provided: Settings, provider: FaultyProvider
) -> None:
    """The log says that it was cached."""
    settings = provided.model_copy(update={"enable_caching": True})
    with capture_logs() as logs:
        async with open_client(create_app(settings, REGISTRY)) as client:
            for _ in range(2):
                assert 200 == (await client.post("/v1/answer", json=QUESTION)).status_code
    assert 1 == len(provider.requests)
    answered = [event for event in logs if event["event"] == "question_answered"]
    assert [False, True] == [event["cached"] for event in answered]


async def test_no_failure_tells_the_key_or_the_content(
    provided: Settings,
    provider: FaultyProvider,
    spans: InMemorySpanExporter,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the vendor's SDK, at DEBUG: not in logs, spans and metrics, nor in responses."""
    key = "canary-of-the-vendor-4711"
    vendor, _, _ = provided.default_model.partition(":")
    settings = provided.model_copy(
        update={
            f"{vendor}_api_key": SecretStr(key),
            "llm_circuit_failures": 1_000,
            "log_format": "json",
            "log_level": "DEBUG",
        }
    )
    await asyncio.to_thread(configure_logging, settings)
    told, replies = "", ""
    async with open_client(create_app(settings, REGISTRY)) as client:
        for step in ("ok", "401", "400", "429", "500", "drop", "malformed", "cut_after=2"):
            provider.always(step)
            for stream in (False, True):
                reply = await client.post("/v1/answer", json={**QUESTION, "stream": stream})
                replies += reply.text + str(reply.headers)
        told += (await client.get("/metrics")).text
    assert all(key in str(each.headers) for each in provider.requests)
    written = capsys.readouterr()
    told += "".join(span.to_json() for span in spans.get_finished_spans())
    told += written.err + written.out
    assert key not in told + replies
    assert told.count('"event":"llm_call"') == 16
    assert QUESTION["question"] not in told
    assert "thirty days" in replies
    assert "thirty days" not in told
