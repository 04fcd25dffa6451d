"""`POST /v1/answer`, whole and as a stream."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from app.graph.state import Question
from fixtures.asgi import Call, events, open_client
from fixtures.configuration import REGISTRY
from fixtures.services import ANSWER, Fakes
from gwkit.errors import LLMError, RateLimitError, RetrievalError, TokenLimitError
from gwkit.index.store import Filters

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    from app.config.settings import Settings
    from fixtures.configuration import MakeSettings


QUESTION = {"question": "How do I upload a file?"}


@pytest.fixture(params=sorted(REGISTRY.orchestrations.parts))
def live_settings(live_settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Return the settings of a service over `DOCUMENTS`, for each orchestration in turn."""
    return live_settings.model_copy(update={"orchestration": request.param})


def failing(error: Exception) -> Callable[[], Any]:
    """Return work that fails."""

    async def work() -> None:
        raise error

    return work


async def test_the_answer_comes_from_the_documents(live_client: httpx2.AsyncClient) -> None:
    """On the real index: the citations are chunks that contain the text."""
    response = await live_client.post(
        "/v1/answer", json={"question": "How many weeks of parental leave are there?"}
    )

    body = response.json()
    assert 200 == response.status_code
    parts = {"answer", "citations", "model", "usage", "request_id", "found", "prompt_hash"}
    parts |= {"finish_reason", "nearest", "question", "unsupported"}
    assert parts == set(body)
    assert (True, "stop") == (body["found"], body["finish_reason"])
    assert "[1]" in body["answer"]
    citation = body["citations"][0]
    assert {"document", "title", "headings", "chunk", "score", "text", "quotes"} <= set(citation)
    (quote,) = citation["quotes"]
    assert "parental leave" in quote["text"]
    assert citation["text"][quote["start"] : quote["end"]] == quote["text"]
    assert "offline:extractive" == body["model"]
    assert body["usage"]["prompt_tokens"] > 0
    assert response.headers["x-request-id"] == body["request_id"]


async def test_a_stream_makes_up_the_same_answer(live_client: httpx2.AsyncClient) -> None:
    """On the real index: the joined pieces are the text, and `done` has the whole answer."""
    question = {"question": "How many weeks of parental leave are there?"}
    whole = (await live_client.post("/v1/answer", json=question)).json()

    response = await live_client.post("/v1/answer", json=question | {"stream": True})

    found = events(response.text)
    *tokens, citations, done = found
    assert response.headers["content-type"].startswith("text/event-stream")
    assert {"token"} == {event.name for event in tokens}
    assert whole["answer"] == "".join(str(event.data["text"]) for event in tokens).strip()
    assert ("citations", whole["citations"]) == (citations.name, citations.data["citations"])
    assert "done" == done.name
    assert whole | {"request_id": response.headers["x-request-id"]} == done.data


async def test_what_the_documents_do_not_say_is_not_invented(
    live_client: httpx2.AsyncClient,
) -> None:
    """There is no citation, and `found` is false."""
    response = await live_client.post(
        "/v1/answer", json={"question": "Who won the chess olympiad of 1972?"}
    )

    assert (False, []) == (response.json()["found"], response.json()["citations"])


async def test_every_option_reaches_the_graph(fakes: Fakes) -> None:
    """The answerer gets all options of the caller."""
    options = {
        "top_k": 3,
        "filters": {"prefix": "a/", "metadata": {"type": "pdf"}},
        "model": "offline:extractive",
        "temperature": 0.5,
        "max_tokens": 9,
    }
    async with open_client(fakes.app()) as client:
        response = await client.post("/v1/answer", json=QUESTION | options)

    assert 200 == response.status_code
    assert [
        Question(
            question=QUESTION["question"],
            filters=Filters(prefix="a/", metadata={"type": "pdf"}),
            top_k=3,
            model="offline:extractive",
            temperature=0.5,
            max_tokens=9,
        ).model_dump()
    ] == [question.model_dump() for question in fakes.answerer.questions]


async def test_an_unknown_model_is_refused(live_client: httpx2.AsyncClient) -> None:
    """The problem lists the known names, also for a stream."""
    for stream in (False, True):
        response = await live_client.post(
            "/v1/answer", json=QUESTION | {"model": "offline:magic", "stream": stream}
        )

        assert (422, "unknown_model") == (response.status_code, response.json()["code"])
        assert "offline:extractive" in response.json()["detail"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (LLMError("a secret"), 502),
        (RateLimitError("a secret", retry_after=4), 503),
        (TokenLimitError(tokens_used=9, limit=5), 422),
        (RetrievalError("a secret"), 503),
        (TimeoutError("a secret"), 504),
        (ZeroDivisionError("a secret"), 500),
    ],
)
async def test_an_error_before_the_first_byte_is_a_problem(
    error: Exception, status: int, stream: bool, fakes: Fakes
) -> None:
    """It has its own status, for streams as well, and no internal details of the error."""
    fakes.answerer.work = failing(error)
    async with open_client(fakes.app()) as client:
        response = await client.post("/v1/answer", json=QUESTION | {"stream": stream})

    assert status == response.status_code == response.json()["status"]
    assert "application/problem+json" == response.headers["content-type"]
    assert response.headers["x-request-id"] == response.json()["request_id"]
    assert "a secret" not in response.text
    assert "Traceback" not in response.text
    assert (isinstance(error, RateLimitError)) == ("retry-after" in response.headers)


async def test_an_error_after_the_first_byte_is_the_last_event(fakes: Fakes) -> None:
    """The stream ends with a problem, and without `done`."""
    fakes.answerer.later_work = failing(ZeroDivisionError("a secret"))
    async with open_client(fakes.app()) as client:
        response = await client.post("/v1/answer", json=QUESTION | {"stream": True})

    first, last = events(response.text)
    assert (200, "token", "error") == (response.status_code, first.name, last.name)
    assert (500, "internal_error") == (last.data["status"], last.data["code"])
    assert response.headers["x-request-id"] == last.data["request_id"]
    assert "a secret" not in response.text


async def test_a_stream_needs_its_switch(make_settings: MakeSettings) -> None:
    """With `APP_ENABLE_STREAMING` off a stream is rejected; a whole answer still works."""
    app = Fakes(make_settings(enable_streaming=False)).app()
    async with open_client(app) as client:
        streamed = await client.post("/v1/answer", json=QUESTION | {"stream": True})
        whole = await client.post("/v1/answer", json=QUESTION)

    assert 422 == streamed.status_code
    assert "APP_ENABLE_STREAMING" in streamed.json()["detail"]
    assert ANSWER.answer == whole.json()["answer"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_who_hangs_up_stops_the_work(stream: bool, fakes: Fakes) -> None:
    """The model call is cancelled when the caller disconnects."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def long() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    fakes.answerer.work = long
    app = fakes.app()
    call = Call("/v1/answer", json.dumps(QUESTION | {"stream": stream}).encode())
    async with open_client(app), asyncio.timeout(60):
        made = asyncio.create_task(call.of(app))
        await begun.wait()
        call.hang_up.set()
        await made

    assert ended.is_set()
    assert [] == call.sent


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_takes_too_long_is_ended(
    stream: bool, make_settings: MakeSettings
) -> None:
    """The work is cancelled and the caller gets a 504."""
    ended = asyncio.Event()

    async def long() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    fakes = Fakes(make_settings(timeout_seconds=0.1))
    fakes.answerer.work = long
    async with open_client(fakes.app()) as client:
        response = await client.post("/v1/answer", json=QUESTION | {"stream": stream})

    assert (504, "timeout") == (response.status_code, response.json()["code"])
    assert ended.is_set()


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        (b'{"question": ""}', ["body", "question"]),
        (b'{"question": " \\n "}', ["body", "question"]),
        (b"{}", ["body", "question"]),
        (b"[]", ["body"]),
        (b"null", ["body"]),
        (b'"text"', ["body"]),
        (b"{", ["body", 1]),
        (b"", ["body"]),
        (b'{"question": "a", "questoin": 1}', ["body", "questoin"]),
        (b'{"question": "a", "\\ud800": 1}', ["body"]),
        (b'{"question": "\\ud800"}', ["body", "question"]),
        (b'{"question": "a", "temperature": NaN}', ["body", "temperature"]),
        (b'{"question": "a", "filters": {"metadata": {"a": {}}}}', None),
    ],
)
async def test_a_body_that_is_not_valid_is_refused(
    body: bytes, loc: list[str | int] | None, fakes: Fakes
) -> None:
    """The problem names the place, and never repeats the input."""
    async with open_client(fakes.app()) as client:
        response = await client.post(
            "/v1/answer", content=body, headers={"content-type": "application/json"}
        )

    problem = response.json()
    assert (422, "invalid_request") == (response.status_code, problem["code"])
    assert loc is None or loc in [error["loc"] for error in problem["errors"]]
    assert {"loc", "msg"} == set(problem["errors"][0])
    assert [] == fakes.answerer.questions
