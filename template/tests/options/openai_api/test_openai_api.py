"""The service as a model: OpenAI's own client, over HTTP and in this process."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import openai
import pytest

from app.options import openai_api
from fixtures.asgi import open_client
from fixtures.services import ANSWER, Fakes
from gwkit.errors import LLMError, RateLimitError
from gwkit.models.messages import NOT_FOUND, Delta

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from fastapi import FastAPI
    from openai.types.chat import ChatCompletionMessageParam

    from app.config.settings import Settings
    from app.graph.state import Answer, Question
    from fixtures.configuration import MakeSettings

LEAVE = "How many weeks of parental leave are there?"


@asynccontextmanager
async def opened(app: FastAPI, *, key: str = "none") -> AsyncIterator[openai.AsyncOpenAI]:
    """Start the application, and yield OpenAI's client, which calls it once for each call."""
    async with open_client(app) as http:
        yield openai.AsyncOpenAI(
            api_key=key, base_url="http://localhost/v1", max_retries=0, http_client=http
        )


def asked(text: str) -> list[ChatCompletionMessageParam]:
    """Return a conversation with one question."""
    return [{"role": "user", "content": text}]


def failing(error: Exception) -> Callable[[], Awaitable[None]]:
    """Return work that fails."""

    async def work() -> None:
        raise error

    return work


@pytest.fixture
def served(fakes: Fakes) -> Fakes:
    """Return the parts of a fake service with these routes."""
    openai_api.register(fakes.registry)
    return fakes


async def test_the_service_is_the_only_model(live_app: FastAPI, live_settings: Settings) -> None:
    """Its id is the service's name, and the chat model is the owner."""
    async with opened(live_app) as client:
        (model,) = (await client.models.list()).data

    assert (live_settings.service_name, "model") == (model.id, model.object)
    assert live_settings.default_model == model.owned_by


async def test_an_answer_has_its_citations_as_annotations(
    live_app: FastAPI, live_settings: Settings
) -> None:
    """On the real index: each annotation marks an `[n]` of the text, and leads to the document."""
    async with opened(live_app) as client:
        answer = await client.chat.completions.create(
            model=live_settings.service_name, messages=asked(LEAVE)
        )

    (choice,) = answer.choices
    text, annotations = choice.message.content or "", choice.message.annotations or []
    assert annotations
    for annotation in annotations:
        citation = annotation.url_citation
        assert text[citation.start_index : citation.end_index].startswith("[")
        assert f"http://localhost/v1/documents/{citation.title}" == citation.url
    assert "policies/leave.md" in {each.url_citation.title for each in annotations}
    assert ("stop", "assistant") == (choice.finish_reason, choice.message.role)
    assert answer.usage is not None
    tokens = answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert 0 < tokens == answer.usage.total_tokens
    assert "offline:extractive" == answer.model


async def test_a_stream_makes_up_the_same_answer(live_app: FastAPI) -> None:
    """On the real index, by the model's own name: text, annotations, reason, usage, in order."""
    async with opened(live_app) as client:
        whole = await client.chat.completions.create(
            model="offline:extractive", messages=asked(LEAVE)
        )
        stream = await client.chat.completions.create(
            model="offline:extractive",
            messages=asked(LEAVE),
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]

    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    text = "".join(delta.content or "" for delta in deltas)
    message = whole.choices[0].message
    assert message.content == text.strip()
    assert ["assistant"] == [delta.role for delta in deltas if delta.role]
    extras = [delta.model_extra or {} for delta in deltas]
    (annotations,) = [extra["annotations"] for extra in extras if "annotations" in extra]
    assert [each.model_dump() for each in message.annotations or []] == annotations
    *_, reason = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert "stop" == reason
    assert whole.usage == chunks[-1].usage
    assert 1 == len({chunk.id for chunk in chunks})


async def test_the_last_message_is_the_question(served: Fakes) -> None:
    """Prompts are left out, what was said before and options passed on, parts of text joined."""
    async with opened(served.app()) as client:
        await client.chat.completions.create(
            model="offline:extractive",
            messages=[
                {"role": "system", "content": "You are a pirate."},
                {"role": "user", "content": "Who are you?"},
                {"role": "assistant", "content": "The service. [1]"},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "How do I"},
                        {"type": "text", "text": "upload?"},
                    ],
                },
            ],
            temperature=0.5,
            max_completion_tokens=9,
            top_p=0.5,
            user="someone",
        )

    (question,) = served.answerer.questions
    assert "How do I\nupload?" == question.question
    said = [(turn.role, turn.content) for turn in question.messages]
    assert [("user", "Who are you?"), ("assistant", "The service. [1]")] == said
    assert (0.5, 9) == (question.temperature, question.max_tokens)


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"model": "gpt-4"}, 404, "model_not_found", None),
        ({"messages": []}, 400, "invalid_request", None),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            400,
            "invalid_request",
            "messages.0.content.0.type",
        ),
        ({"messages": [{"role": "user", "content": " "}]}, 400, "invalid_request", "question"),
        (
            {"messages": [{"role": "user", "content": "x" * 100_001}]},
            400,
            "invalid_request",
            "question",
        ),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 400, "invalid_request", None),
        ({"n": 2}, 400, "invalid_request", "n"),
        ({"tools": [{"type": "function"}]}, 400, "invalid_request", "tools"),
        ({"temperature": 3}, 400, "invalid_request", "temperature"),
        (
            {"response_format": {"type": "json_object"}},
            400,
            "invalid_request",
            "response_format.type",
        ),
    ],
)
async def test_what_cannot_be_answered_is_an_error_of_openai(
    served: Fakes, body: dict[str, object], status: int, code: str, param: str | None
) -> None:
    """The client raises the class that it has for it, with a message, a code and the field."""
    whole = {"model": "offline:extractive", "messages": asked("How?"), **body}
    async with opened(served.app()) as client:
        with pytest.raises(openai.APIStatusError) as caught:
            await client.post("/chat/completions", body=whole, cast_to=object)

    assert (status, code, param) == (
        caught.value.status_code,
        caught.value.code,
        caught.value.param,
    )
    assert "invalid_request_error" == caught.value.type
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["message"]
    assert [] == served.answerer.questions


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (LLMError("a secret"), 502, "model_failed"),
        (RateLimitError("a secret", retry_after=4), 503, "model_busy"),
        (ZeroDivisionError("a secret"), 500, "internal_error"),
    ],
)
async def test_a_failure_is_an_error_of_the_server(
    served: Fakes, error: Exception, status: int, code: str, stream: bool
) -> None:
    """Before the first byte it has its status, for a stream as well, and nothing of the cause."""
    served.answerer.work = failing(error)
    async with opened(served.app()) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            await client.chat.completions.create(
                model="offline:extractive", messages=asked("How?"), stream=stream
            )

    assert (status, code) == (caught.value.status_code, caught.value.code)
    assert "server_error" == caught.value.type
    assert "a secret" not in str(caught.value)
    waits = caught.value.response.headers.get("retry-after")
    assert ("4" if status == 503 else None) == waits


async def test_a_failure_within_a_stream_ends_it(served: Fakes) -> None:
    """The client gets what there was, and raises."""
    served.answerer.later_work = failing(ZeroDivisionError("a secret"))
    async with opened(served.app()) as client:
        stream = await client.chat.completions.create(
            model="offline:extractive", messages=asked("How?"), stream=True
        )
        first = await anext(stream)
        with pytest.raises(openai.APIError, match="internal error") as caught:
            await anext(stream)

    assert ANSWER.answer[:5] == first.choices[0].delta.content
    assert "internal_error" == caught.value.code


async def test_an_answer_that_turns_out_to_be_none_follows_what_was_shown(
    served: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its text is added, since nothing can be taken back, and nothing is cited."""
    refusal = ANSWER.model_copy(update={"answer": NOT_FOUND, "citations": (), "found": False})

    async def stream(_question: Question) -> AsyncIterator[Delta | Answer]:
        yield Delta(text="It may be so.")
        yield refusal

    monkeypatch.setattr(served.answerer, "stream", stream)
    async with opened(served.app()) as client:
        chunks = await client.chat.completions.create(
            model="offline:extractive", messages=asked("How?"), stream=True
        )
        deltas = [chunk.choices[0].delta async for chunk in chunks]

    assert f"It may be so.\n\n{NOT_FOUND}" == "".join(delta.content or "" for delta in deltas)
    assert not any("annotations" in (delta.model_extra or {}) for delta in deltas)


@pytest.mark.usefixtures("no_refill")
async def test_keys_and_limits_are_those_of_the_service(make_settings: MakeSettings) -> None:
    """A wrong key and a call too many are errors of OpenAI, too; the right key is let in."""
    fakes = Fakes(
        make_settings(api_keys={"reader": "a-key-that-is-long-enough"}, requests_per_minute=2)
    )
    openai_api.register(fakes.registry)
    app = fakes.app()
    async with opened(app, key="a-key-that-is-long-enough") as client:
        wrong = client.with_options(api_key="another-key-of-some-length")
        with pytest.raises(openai.AuthenticationError) as refused:
            await wrong.models.list()
        for _ in range(2):
            assert (await client.models.list()).data
        with pytest.raises(openai.RateLimitError) as limited:
            await client.models.list()

    assert "invalid_api_key" == refused.value.code
    assert ("too_many_requests", "rate_limit_error") == (limited.value.code, limited.value.type)


async def test_streaming_can_be_switched_off(make_settings: MakeSettings) -> None:
    """The error names the setting."""
    fakes = Fakes(make_settings(enable_streaming=False))
    openai_api.register(fakes.registry)
    async with opened(fakes.app()) as client:
        with pytest.raises(openai.BadRequestError, match="APP_ENABLE_STREAMING"):
            await client.chat.completions.create(
                model="offline:extractive", messages=asked("How?"), stream=True
            )
