"""Server-sent events: format, and the end of a stream (`gwkit.http.sse`)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from fixtures.asgi import Call, Event, events
from gwkit.http.problems import Problem
from gwkit.http.sse import EventStream, event
from gwkit.models.messages import Delta

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


def test_an_event_is_one_line_of_name_and_one_of_json() -> None:
    """A line break within a piece of text does not break the event."""
    assert b'event: token\ndata: {"text":"a\\nb\\r\\n"}\n\n' == event(
        "token", Delta(text="a\nb\r\n")
    )


def test_an_event_is_one_line_to_every_client() -> None:
    """Some clients end lines by Unicode, not only by the standard."""
    data = event("token", Delta(text="a\u2028b\x85c\u202ed\U000e0041 \u00e9"))

    assert 2 == len(data.decode().rstrip("\n").splitlines())
    assert {"text": "a\u2028b\x85c\u202ed\U000e0041 \u00e9"} == events(data.decode())[0].data


def test_an_event_leaves_out_what_is_absent() -> None:
    """As in a problem response, members without a value are omitted."""
    problem = Problem(title="Gone", status=410, code="gone", detail="it is gone")

    assert b"null" not in event("error", problem)


async def test_a_stream_is_sent_whole_and_not_kept() -> None:
    """Every event arrives, the response ends, and no cache or proxy delays it."""

    async def two() -> AsyncGenerator[bytes]:
        yield event("token", Delta(text="a"))
        yield event("token", Delta(text="b"))

    call = Call("/")
    await call.of(EventStream(two()))

    headers = dict(call.sent[0]["headers"])
    assert [Event("token", {"text": "a"}), Event("token", {"text": "b"})] == events(
        call.answer.decode()
    )
    assert call.complete
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert b"no-store" == headers[b"cache-control"]
    assert b"no" == headers[b"x-accel-buffering"]


async def test_an_error_before_the_first_event_leaves_the_status_open() -> None:
    """Nothing has been sent, so the response can still be a problem."""

    async def failing() -> AsyncGenerator[bytes]:
        raise ValueError("too early")
        yield b""

    call = Call("/")
    with pytest.raises(ValueError, match="too early"):
        await call.of(EventStream(failing()))

    assert [] == call.sent


async def test_a_silent_stream_is_kept_alive() -> None:
    """Comments come before and between events, and none after the last one."""
    call = Call("/")

    async def commented(count: int) -> None:
        while count > call.answer.count(b": keep-alive\n\n"):  # noqa: ASYNC110 - as a caller reads
            await asyncio.sleep(0)

    async def slow() -> AsyncGenerator[bytes]:
        await commented(2)
        yield event("token", Delta(text="a"))
        await commented(4)

    async with asyncio.timeout(10):
        await call.of(EventStream(slow(), keep_alive_seconds=0))

    assert ["start", "body"] == [each["type"].rpartition(".")[2] for each in call.sent[:2]]
    assert 1 == sum(each["type"] == "http.response.start" for each in call.sent)
    assert call.answer.startswith(b": keep-alive\n\n")
    assert b'event: token\ndata: {"text":"a"}\n\n' in call.answer
    assert call.complete


async def test_a_caller_who_hangs_up_stops_the_work() -> None:
    """The source is closed at once, also while it waits for its next event."""
    closed = asyncio.Event()
    waiting = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes]:
        try:
            yield event("token", Delta(text="a"))
            waiting.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    call = Call("/")
    async with asyncio.timeout(60):
        stream = asyncio.create_task(call.of(EventStream(endless())))
        await waiting.wait()
        call.hang_up.set()
        await stream

    assert closed.is_set()
    assert not call.complete
