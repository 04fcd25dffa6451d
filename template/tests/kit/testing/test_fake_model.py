"""The fakes for other tests."""

from __future__ import annotations

import pytest

from fixtures.models import FakeChatModel, FixedRetriever, make_hit
from gwkit.errors import RateLimitError, RetrievalError
from gwkit.models.messages import ChatReply, ChatRequest, Delta, Message

REQUEST = ChatRequest(messages=(Message(role="user", content="Hello?"),), question="Hello?")


async def test_replies_come_in_the_order_of_the_script() -> None:
    """Each call uses the next entry and records its request."""
    model = FakeChatModel("one", "two")
    replies = [(await model.complete(REQUEST)).text for _ in range(2)]
    assert replies == ["one", "two"]
    assert model.requests == [REQUEST, REQUEST]


async def test_a_stream_brings_the_pieces_and_the_whole() -> None:
    """The deltas make up the reply's text."""
    pieces = [piece async for piece in FakeChatModel("a reply of some length").stream(REQUEST)]
    *deltas, reply = pieces
    assert isinstance(reply, ChatReply)
    assert "".join(d.text for d in deltas if isinstance(d, Delta)) == reply.text
    assert reply.usage.completion_tokens > 0


async def test_an_error_is_raised() -> None:
    """A scripted error is raised and not returned."""
    with pytest.raises(RateLimitError):
        await FakeChatModel(RateLimitError("wait")).complete(REQUEST)


async def test_a_stream_can_break_off() -> None:
    """An error may come after the first piece."""
    seen: list[Delta | ChatReply] = []

    async def read() -> None:
        seen.extend([piece async for piece in model.stream(REQUEST)])

    model = FakeChatModel(("first", RateLimitError("wait")))
    with pytest.raises(RateLimitError):
        await read()
    stream = FakeChatModel(("first", None)).stream(REQUEST)
    assert [piece async for piece in stream] == [Delta(text="first")]


async def test_closing_a_stream_early_is_noticed() -> None:
    """A test can see that the caller hung up."""
    model = FakeChatModel("a reply of some length")
    stream = model.stream(REQUEST)
    await anext(stream)
    await stream.aclose()
    assert model.closed_early == 1


async def test_the_retriever_finds_its_hits() -> None:
    """It gives at most `k` hits and records the search."""
    retriever = FixedRetriever([make_hit("a"), make_hit("b", position=1)])
    assert [hit.text for hit in await retriever.search("q", k=1)] == ["a"]
    assert [(text, k) for text, k, _ in retriever.searches] == [("q", 1)]
    retriever.error = RetrievalError("gone")
    with pytest.raises(RetrievalError):
        await retriever.search("q", k=1)
