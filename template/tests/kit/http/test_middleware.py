"""The layers around every request, over the smallest applications (`gwkit.http.middleware`)."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from fixtures.asgi import Call, events
from gwkit.errors import DocumentNotFoundError, LLMError, RateLimitError
from gwkit.http.lifecycle import Lifecycle
from gwkit.http.limits import RequestLimits
from gwkit.http.middleware import RequestLog
from gwkit.http.problems import MEDIA_TYPE
from gwkit.http.sse import EventStream, event
from gwkit.logging.formatting import request_id
from gwkit.models.messages import Delta

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.types import ASGIApp, Receive, Scope, Send

    from fixtures.configuration import MakeSettings
    from fixtures.services import Fakes


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the request id."""
    await PlainTextResponse(request_id())(scope, receive, send)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the size of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await PlainTextResponse(str(size))(scope, receive, send)


def raising(error: BaseException) -> ASGIApp:
    """Return an application that fails before it answers."""

    async def app(*_: object) -> None:
        raise error

    return app


def logged(app: ASGIApp) -> RequestLog:
    """Return the application with the outer layer."""
    return RequestLog(app, lifecycle=Lifecycle())


def headers(call: Call) -> dict[str, str]:
    """Return the headers of an answer."""
    return {name.decode(): value.decode() for name, value in call.sent[0]["headers"]}


@pytest.mark.parametrize("given", ["a", "Abc-123_4.5", "0" * 128])
async def test_a_well_formed_request_id_is_taken_and_returned(given: str) -> None:
    """The caller's id is that of the request, inside and in the answer."""
    call = Call("/", headers={"x-request-id": given})
    await call.of(logged(hello))

    assert given == headers(call)["x-request-id"] == call.answer.decode()


@pytest.mark.parametrize(
    "given",
    [None, "", "a b", "x" * 129, "a\nb", "a\n", "\na", "a\x00", "é", "{}", "../x", 'a"b', "a;b"],
)
async def test_any_other_request_id_is_replaced(given: str | None) -> None:
    """An absent id, or one that could break a log line, gives way to a fresh one."""
    call = Call("/", headers={} if given is None else {"x-request-id": given})
    await call.of(logged(hello))

    returned = headers(call)["x-request-id"]
    assert given != returned
    assert 32 == len(returned)
    assert returned == call.answer.decode()


async def test_the_request_id_ends_with_the_request() -> None:
    """Nothing of one request is left for the next one in the same context."""
    await Call("/").of(logged(hello))

    assert "" == request_id()


async def test_each_request_leaves_one_line() -> None:
    """The access log has what an operator asks for, as fields."""
    with capture_logs() as lines:
        await Call("/a?b", method="GET").of(logged(hello))

    (line,) = lines
    latency = line.pop("latency_ms")
    assert latency > 0
    assert {
        "event": "request_served",
        "log_level": "info",
        "method": "GET",
        "route": "unmatched",
        "path": "/a?b",
        "status": 200,
        "bytes": 32,
        "address": "127.0.0.1",
    } == line


@pytest.mark.parametrize(
    ("error", "status", "level"),
    [
        (ValueError("a secret"), 500, "error"),
        (LLMError("a secret"), 502, "error"),
        (RateLimitError("busy", retry_after=7), 503, "warning"),
        (TimeoutError(), 504, "warning"),
        (HTTPException(429, "slow down"), 429, "debug"),
        (DocumentNotFoundError("a.md"), 404, "debug"),
    ],
)
async def test_an_error_is_answered_as_a_problem_and_logged(
    error: Exception, status: int, level: str
) -> None:
    """An error that escapes the application is a problem with the id, and a line at its level."""
    call = Call("/", headers={"x-request-id": "abc"})
    with capture_logs() as lines:
        await call.of(logged(raising(error)))

    problem = json.loads(call.answer)
    assert status == call.status == problem["status"]
    assert "abc" == problem["request_id"] == headers(call)["x-request-id"]
    assert MEDIA_TYPE == headers(call)["content-type"]
    assert "a secret" not in call.answer.decode()
    assert [level, "info"] == [line["log_level"] for line in lines]
    assert (status, problem["code"]) == (lines[-1]["status"], lines[-1]["code"])


async def test_an_unexpected_error_is_logged_with_its_cause() -> None:
    """The traceback that the caller does not see is in the log, once."""
    error = ValueError("a secret")
    with capture_logs() as lines:
        await Call("/").of(logged(raising(error)))

    assert error is lines[0]["exc_info"]
    assert lines[0]["expected"] is False


async def test_the_header_of_a_busy_model_is_passed_on() -> None:
    """`Retry-After` reaches the caller."""
    call = Call("/")
    await call.of(logged(raising(RateLimitError("busy", retry_after=7))))

    assert "7" == headers(call)["retry-after"]


async def test_an_error_in_an_event_stream_is_its_last_event() -> None:
    """After the first byte the problem comes as an `error` event, and the answer ends."""

    async def failing() -> AsyncGenerator[bytes]:
        yield event("token", Delta(text="a"))
        raise LLMError("a secret")

    call = Call("/", headers={"x-request-id": "abc"})
    await call.of(logged(EventStream(failing())))

    first, last = events(call.answer.decode())
    assert ("token", "error") == (first.name, last.name)
    assert {
        "type": "about:blank",
        "title": "Bad Gateway",
        "status": 502,
        "code": "model_failed",
        "detail": "the model could not answer",
        "request_id": "abc",
    } == last.data
    assert 200 == call.status
    assert call.complete


async def test_an_error_in_another_stream_leaves_it_without_an_end() -> None:
    """The server then closes the connection, so a caller cannot take a part for the whole."""

    async def failing() -> AsyncGenerator[bytes]:
        yield b"part"
        raise ValueError

    call = Call("/")
    with capture_logs() as lines:
        await call.of(logged(StreamingResponse(failing(), media_type="text/plain")))

    assert b"part" == call.answer
    assert not call.complete
    assert "request_failed" == lines[0]["event"]


async def test_a_caller_who_hung_up_is_no_failure() -> None:
    """It is logged as served with the status 499, and nothing is sent."""
    call = Call("/")
    with capture_logs() as lines:
        await call.of(logged(raising(ClientDisconnect())))

    assert [] == call.sent
    assert [("request_served", 499)] == [(line["event"], line["status"]) for line in lines]


async def test_a_request_that_the_server_cuts_off_is_logged_and_stays_cancelled() -> None:
    """A cancellation passes through."""
    with capture_logs() as lines, pytest.raises(asyncio.CancelledError):
        await Call("/").of(logged(raising(asyncio.CancelledError())))

    assert [499] == [line["status"] for line in lines]


async def test_metrics_have_bounded_labels(fakes: Fakes) -> None:
    """The route is its template, an unknown path or method has one label for all."""

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = Route("/things/{id}", lambda _: PlainTextResponse(""))
        await hello(scope, receive, send)

    lifecycle = Lifecycle(services=fakes.services())
    for path in ("/things/1", "/things/2"):
        await Call(path, method="GET").of(RequestLog(routed, lifecycle=lifecycle))
    for method in ("BREW", "WHEN"):
        await Call("/nowhere", method=method).of(RequestLog(hello, lifecycle=lifecycle))

    text = fakes.metrics.exposition().decode()
    assert 'http_requests_total{method="GET",route="/things/{id}",status="200"} 2.0' in text
    assert 'http_requests_total{method="OTHER",route="unmatched",status="200"} 2.0' in text
    assert "BREW" not in text
    assert "/nowhere" not in text


@pytest.mark.usefixtures("no_refill")
async def test_too_many_requests_are_refused_per_client(make_settings: MakeSettings) -> None:
    """The request after the allowance is a 429 that says when to try again; probes always pass."""
    limits = RequestLimits(hello, settings=make_settings(requests_per_minute=2), body_limits={})
    statuses = []
    for path in ("/a", "/b", "/c", "/healthz", "/readyz", "/metrics"):
        call = Call(path)
        await call.of(logged(limits))
        statuses.append(call.status)
        if call.status == 429:
            assert "30" == headers(call)["retry-after"]
            assert "too_many_requests" == json.loads(call.answer)["code"]

    assert [200, 200, 429, 200, 200, 200] == statuses


async def test_a_request_that_takes_too_long_is_ended(make_settings: MakeSettings) -> None:
    """The work is cancelled and the answer is a 504."""
    cancelled = asyncio.Event()

    async def slow(*_: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    call = Call("/")
    limits = RequestLimits(slow, settings=make_settings(timeout_seconds=0.02), body_limits={})
    await call.of(logged(limits))

    assert (504, "timeout") == (call.status, json.loads(call.answer)["code"])
    assert cancelled.is_set()


async def test_a_stream_that_takes_too_long_ends_in_an_error_event(
    make_settings: MakeSettings,
) -> None:
    """The time is that of the whole request, and the caller learns why the stream ends."""
    closed = asyncio.Event()

    async def slow() -> AsyncGenerator[bytes]:
        try:
            yield event("token", Delta(text="a"))
            await asyncio.Event().wait()
        finally:
            closed.set()

    call = Call("/")
    settings = make_settings(timeout_seconds=0.05)
    await call.of(logged(RequestLimits(EventStream(slow()), settings=settings, body_limits={})))

    assert ["token", "error"] == [each.name for each in events(call.answer.decode())]
    assert 504 == events(call.answer.decode())[-1].data["status"]
    assert closed.is_set()
    assert call.complete


@pytest.mark.parametrize(
    ("path", "size", "announced", "status"),
    [
        ("/", 1_000, "1000", 200),
        ("/", 1_001, "1001", 413),
        ("/", 10, "1001", 413),
        ("/", 10, "9" * 5_000, 413),
        ("/", 1_001, None, 413),
        ("/", 1_001, "nonsense", 413),
        ("/", 1_000, None, 200),
        ("/big", 2_000, "2000", 200),
        ("/big", 2_001, None, 413),
    ],
)
async def test_a_body_above_the_limit_is_refused(
    path: str, size: int, announced: str | None, status: int, make_settings: MakeSettings
) -> None:
    """By what the header announces or by what arrives, and each path by its own limit."""
    limits = RequestLimits(
        echo, settings=make_settings(max_body_bytes=1_000), body_limits={"/big": 2_000}
    )
    announcement = {} if announced is None else {"content-length": announced}
    call = Call(path, b"x" * size, headers=announcement, pieces=10)
    await call.of(logged(limits))

    assert status == call.status
    assert call.answer == str(size).encode() or "too_large" == json.loads(call.answer)["code"]


async def test_what_is_no_request_goes_by(make_settings: MakeSettings) -> None:
    """The lifespan's messages pass both layers untouched."""
    seen = []

    async def app(scope: Scope, *_: object) -> None:
        seen.append(scope["type"])

    both = logged(RequestLimits(app, settings=make_settings(), body_limits={}))
    await both({"type": "lifespan"}, None, None)  # type: ignore[arg-type]  # never called

    assert ["lifespan"] == seen
