"""A chat model with all its guards: retries, and the end of a stream."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from fixtures.models import FakeChatModel
from gwkit.errors import (
    BudgetExceededError,
    InvalidResponseError,
    ModelUnavailableError,
    ProviderError,
    ProviderTimeoutError,
)
from gwkit.models.messages import ChatReply, ChatRequest, Delta, Message
from gwkit.resilience.breaker import Circuit
from gwkit.resilience.chat import ResilientChatModel
from gwkit.resilience.current_call import Call
from kit.fixtures.policy import make_policy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from gwkit.resilience.budget import DailyBudget

SERVER = ProviderError("server", status=500, passing=True)
REQUEST = ChatRequest(messages=(Message(role="user", content="why?"),), question="why?")


class Stalling(FakeChatModel):
    """Sends one piece and then nothing."""

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Never answer."""
        self.requests.append(request)
        await asyncio.Event().wait()
        raise AssertionError

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | ChatReply]:
        """Send a piece, and never another one."""
        self.requests.append(request)
        yield Delta(text="one")
        await asyncio.Event().wait()


async def read(model: ResilientChatModel) -> str:
    """Return a streamed text, after a look at its end."""
    *pieces, reply = [piece async for piece in model.stream(REQUEST)]
    assert isinstance(reply, ChatReply)
    return "".join(piece.text for piece in pieces)


async def test_a_reply_comes_after_failures() -> None:
    """The attempts are counted for observers of the call."""
    fake = FakeChatModel(SERVER, SERVER, "yes")
    model, call = ResilientChatModel(fake, make_policy()), Call.begin()
    with call.entered():
        reply = await model.complete(REQUEST)
    assert ("yes", "fake:scripted", 3) == (reply.text, model.name, call.attempts)
    assert 3 == len(fake.requests)


async def test_a_stream_is_begun_again_before_its_first_piece() -> None:
    """A stream of which nothing was read can be asked for again."""
    fake = FakeChatModel(SERVER, (SERVER,), "yes, of course")
    assert "yes, of course" == await read(ResilientChatModel(fake, make_policy()))
    assert 3 == len(fake.requests)


async def test_a_stream_is_not_begun_again_after_its_first_piece() -> None:
    """The reader has the pieces, and gets the error."""
    fake = FakeChatModel(("yes, ", SERVER), "no")
    stream = ResilientChatModel(fake, make_policy()).stream(REQUEST)
    assert Delta(text="yes, ") == await anext(stream)
    with pytest.raises(ProviderError) as caught:
        await anext(stream)
    assert caught.value is SERVER
    assert 1 == len(fake.requests)


@pytest.mark.usefixtures("no_waiting")
async def test_a_stalled_stream_ends() -> None:
    """Each piece has the timeout of an attempt."""
    fake = Stalling()
    with pytest.raises(ProviderTimeoutError):
        await read(ResilientChatModel(fake, make_policy(timeout_seconds=0.02)))
    assert 1 == len(fake.requests)


async def test_thoughts_are_progress_and_no_first_piece() -> None:
    """A stream that breaks during thoughts is retried, and the reader gets one text."""
    fake = FakeChatModel(("", "", SERVER), ("", "yes"))
    pieces = [piece async for piece in ResilientChatModel(fake, make_policy()).stream(REQUEST)]
    assert ["yes", "yes"] == [piece.text for piece in pieces]
    assert 2 == len(fake.requests)


@pytest.mark.usefixtures("no_waiting")
async def test_every_attempt_has_its_time() -> None:
    """An attempt that takes too long is retried, and the last error is passed on."""
    fake = Stalling()
    model = ResilientChatModel(fake, make_policy(timeout_seconds=0.01, most=2))
    with pytest.raises(ProviderTimeoutError):
        await model.complete(REQUEST)
    assert 2 == len(fake.requests)


@pytest.mark.usefixtures("no_waiting")
async def test_no_attempt_begins_after_the_deadline() -> None:
    """After the deadline no caller waits."""
    fake = Stalling()
    model = ResilientChatModel(fake, make_policy(timeout_seconds=5, most=9))
    with Call.begin(seconds=0.02).entered(), pytest.raises(ProviderTimeoutError):
        await model.complete(REQUEST)
    assert 1 == len(fake.requests)


async def test_an_invalid_reply_is_asked_for_again_once() -> None:
    """The second reply is returned, or its error raised."""
    invalid = InvalidResponseError(response="<html>", expected="JSON")
    fake = FakeChatModel(invalid, "yes")
    assert "yes" == (await ResilientChatModel(fake, make_policy()).complete(REQUEST)).text
    fake = FakeChatModel(invalid, invalid, "yes")
    with pytest.raises(InvalidResponseError):
        await ResilientChatModel(fake, make_policy(most=9)).complete(REQUEST)


@pytest.mark.usefixtures("no_waiting")
async def test_leaving_a_stream_frees_its_place() -> None:
    """The call ends, another one can begin, and the breaker counts nothing."""
    fake = FakeChatModel("a reply of some length", "another reply")
    policy = make_policy(concurrency=1)
    model = ResilientChatModel(fake, policy)
    stream = model.stream(REQUEST)
    await anext(stream)
    with pytest.raises(ModelUnavailableError):
        await model.complete(REQUEST)
    await stream.aclose()
    assert 1 == fake.closed_early
    assert "another reply" == await read(model)


async def test_an_open_circuit_stops_the_retries() -> None:
    """A failing model is not tried again; later it is, and then all is well."""
    fake = FakeChatModel(SERVER, SERVER, "yes")
    now = [0.0]
    policy = make_policy(failures=2, most=9, clock=lambda: now[0])
    model = ResilientChatModel(fake, policy)
    with pytest.raises(ModelUnavailableError):
        await model.complete(REQUEST)
    assert 2 == len(fake.requests)
    now[0] = 60
    assert "yes" == await read(model)
    assert Circuit.CLOSED is policy.breaker.state


async def test_an_empty_stream_is_empty() -> None:
    """The observer of the call records that as an error."""
    model = ResilientChatModel(FakeChatModel((None,)), make_policy())
    assert [] == [piece async for piece in model.stream(REQUEST)]


async def test_nothing_is_sent_beyond_the_budget() -> None:
    """Neither the first attempt nor a retry is sent."""

    class UsedUp:
        async def refresh(self) -> None:
            """Read nothing."""

        def check(self) -> None:
            """Refuse."""
            raise BudgetExceededError("used up", retry_after=60)

    budget: DailyBudget = UsedUp()  # type: ignore[assignment]  # all that is asked of it
    fake = FakeChatModel("yes")
    with pytest.raises(BudgetExceededError):
        await ResilientChatModel(fake, make_policy(budget=budget)).complete(REQUEST)
    assert [] == fake.requests
